#include "status/command.h"

#include <cstdio>
#include <sys/statvfs.h>

#include "system/linux/system.h"

namespace mangrove {

std::optional<Space> space_of(const std::string& path) {
    struct statvfs filesystem = {};
    if (::statvfs(path.c_str(), &filesystem) != 0) return std::nullopt;
    uint64_t block = filesystem.f_frsize;
    return Space{filesystem.f_blocks * block, (filesystem.f_blocks - filesystem.f_bfree) * block};
}

int run_status(const std::vector<std::string>& arguments) {
    bool is_json = arguments == std::vector<std::string>{"--json"};
    if (!arguments.empty() && !is_json) {
        std::fputs("usage: mangrove status [--json]\n", stderr);
        return 2;
    }
    LinuxSystem system(DeviceManager::kernel, LinuxSystem::DeviceEvents::ignored);
    Result<Status> status = look_at_node(system, space_of);
    if (!status) {
        std::fprintf(stderr, "mangrove: error: %s\n", describe(status.error()).c_str());
        return 1;
    }
    std::fputs((is_json ? status_json(*status) : status_text(*status)).c_str(), stdout);
    return problems_of(*status).empty() ? 0 : 1;
}

} // namespace mangrove
