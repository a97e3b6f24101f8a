#include "machine/device_modules.h"

#include <utility>

#include "base/log.h"
#include "machine/module_arguments.h"

namespace mangrove {

/// The aliases of the devices that are not among `known`, which they join.
static Result<std::set<std::string>> new_aliases(System& system, std::set<std::string>& known) {
    std::set<std::string> aliases;
    for (const std::string& bus : TRY(system.list_directory("/sys/bus"))) {
        std::string directory = text("/sys/bus/", bus, "/devices");
        if (system.path_kind(directory) != PathKind::directory) continue;
        for (const std::string& device : TRY(system.list_directory(directory))) {
            std::string path = text(directory, "/", device, "/modalias");
            if (!known.insert(path).second) continue;
            // Some devices have none, and one can go away while the bus is read.
            if (Result<std::string> alias = system.read_file(path); alias && !trim(*alias).empty())
                aliases.emplace(trim(*alias));
        }
    }
    return aliases;
}

/// False for one that was seen to before. Most devices need nothing of what the initramfs holds: an error
/// without an errno says only that.
bool DeviceModules::load_once(const std::string& module) {
    if (!known_.insert(module).second) return false;
    if (Result<> loaded = system_.load_module(module); !loaded && loaded.error().code != 0)
        log_warning(loaded.error().what, ", ignoring");
    return true;
}

/// Once; a module that somebody named is missed where it is not there.
void DeviceModules::load_named(const std::vector<std::string>& modules) {
    for (const std::string& module : modules) {
        if (!known_.insert(module).second) continue;
        if (Result<> loaded = system_.load_module(module); !loaded)
            log_warning(loaded.error().what, ", ignoring");
    }
}

static ModuleArguments read_module_arguments(System& system) {
    Result<std::string> line = system.read_file("/proc/cmdline");
    return line ? module_arguments(KernelCommandLine::parse(*line)) : ModuleArguments();
}

/// The halves of a driver with an alias ask the kernel's modprobe for the others, which no initramfs has, and
/// udev's rules load the one that makes interfaces of InfiniBand's ports.
void DeviceModules::load_modules_without_alias() {
    auto is_loaded = [&](std::string_view module) {
        return system_.path_kind(text("/sys/module/", module)) != PathKind::missing;
    };
    if (is_loaded("mlx4_core")) {
        load_once("mlx4_en");
        load_once("mlx4_ib");
    }
    if (is_loaded("mlx5_core")) load_once("mlx5_ib");
    constexpr const char* kPorts = "/sys/class/infiniband";
    if (system_.path_kind(kPorts) != PathKind::directory) return;
    if (Result<std::vector<std::string>> ports = system_.list_directory(kPorts); ports && !ports->empty())
        load_once("ib_ipoib");
}

Result<> DeviceModules::load() {
    ModuleArguments arguments = read_module_arguments(system_);
    load_named(arguments.first);
    std::set<std::string> known;
    for (bool found_new = true; std::exchange(found_new, false);)
        for (const std::string& alias : TRY(new_aliases(system_, known)))
            if (load_once(alias)) found_new = true;
    load_modules_without_alias();
    load_named(arguments.last);
    return {};
}

Result<> DeviceModules::wait_for_late_devices(Deadline deadline) {
    bool heard = TRY(system_.wait_for_device_event(deadline));
    if (heard && are_ours()) TRY(load(), "loading the modules of late devices");
    return {};
}

} // namespace mangrove
