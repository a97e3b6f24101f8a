#include "root/nvme_host.h"

#include "root/replace_file.h"

namespace mangrove {

Result<> hand_over_nvme_host(System& system, Root& root) {
    constexpr const char* kControllers = "/sys/class/nvme";
    if (system.path_kind(kControllers) != PathKind::directory) return {};
    if (system.path_kind(root.path + "/etc/nvme") != PathKind::directory) return {};
    for (const std::string& name : TRY(system.list_directory(kControllers))) {
        std::string controller = text(kControllers, "/", name);
        if (trim(TRY(system.read_file(controller + "/transport"))) != "tcp") continue;
        for (const char* file : {"hostnqn", "hostid"}) {
            std::string value = TRY(system.read_file(text(controller, "/", file)));
            TRY(replace_file(system, root, text("/etc/nvme/", file), text(trim(value), "\n")));
        }
        return {};
    }
    return {};
}

} // namespace mangrove
