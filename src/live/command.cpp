#include "live/command.h"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <spawn.h>
#include <sys/wait.h>

#include "base/log.h"
#include "live/poll.h"
#include "machine/run_files.h"
#include "root/relabel.h"
#include "system/linux/system.h"

extern char** environ;

namespace mangrove {

namespace {

Result<> run(std::vector<std::string> arguments) {
    std::vector<char*> pointers;
    for (std::string& argument : arguments)
        pointers.push_back(argument.data());
    pointers.push_back(nullptr);
    pid_t child = 0;
    if (int problem = ::posix_spawn(&child, pointers[0], nullptr, nullptr, pointers.data(), environ))
        return system_error(problem, "starting ", arguments[0]);
    int status = 0;
    while (::waitpid(child, &status, 0) < 0)
        if (errno != EINTR) return system_error(errno, "waiting for ", arguments[0]);
    if (status != 0) return permanent_error(arguments[0], " failed");
    return {};
}

/// By the policy of the image, where one is loaded.
void restore_labels(System& system, const std::vector<std::string>& paths) {
    constexpr size_t kAtOnce = 200; // a path has up to 4096 bytes, a command line 2 MiB
    if (system.path_kind("/sys/fs/selinux/enforce") == PathKind::missing) return;
    std::string restorecon = find_restorecon(system, "/");
    for (size_t begin = 0; !restorecon.empty() && begin < paths.size(); begin += kAtOnce) {
        std::vector<std::string> arguments = {restorecon, "-i"};
        size_t end = std::min(begin + kAtOnce, paths.size());
        for (size_t i = begin; i < end; ++i)
            arguments.push_back(paths[i]);
        if (Result<> restored = run(std::move(arguments)); !restored)
            log_warning("files: ", restored.error().what, ", ignoring: new files may have a wrong label");
    }
}

} // namespace

int run_files(const std::vector<std::string>& arguments) {
    if (!arguments.empty()) {
        std::fputs("usage: mangrove files\n", stderr);
        return 2;
    }
    LinuxSystem system(DeviceManager::kernel, LinuxSystem::DeviceEvents::ignored);
    Result<definition::NodeServer> server = read_server(system, kFilesUnit);
    if (!server) {
        log_line(LogLevel::error, describe(server.error()));
        return 1;
    }
    LinuxNodeFiles files("/", kFilesState,
                         [&](const std::vector<std::string>& paths) { restore_labels(system, paths); });
    Poll poll(system, files, *std::move(server));
    keep_files(system, poll, [] { return true; });
    return 0;
}

} // namespace mangrove
