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
static bool load_once(System& system, const std::string& module) {
    if (!system.device_aliases.insert(module).second) return false;
    if (Result<> loaded = system.load_module(module); !loaded && loaded.error().code != 0)
        log_warning(loaded.error().what, ", ignoring");
    return true;
}

/// Once; a module that somebody named is missed where it is not there.
static void load_named(System& system, const std::vector<std::string>& modules) {
    for (const std::string& module : modules) {
        if (!system.device_aliases.insert(module).second) continue;
        if (Result<> loaded = system.load_module(module); !loaded)
            log_warning(loaded.error().what, ", ignoring");
    }
}

static ModuleArguments read_module_arguments(System& system) {
    Result<std::string> line = system.read_file("/proc/cmdline");
    return line ? module_arguments(KernelCommandLine::parse(*line)) : ModuleArguments();
}

/// The halves of a driver with an alias ask the kernel's modprobe for the others, which no initramfs has, and
/// udev's rules load the one that makes interfaces of InfiniBand's ports.
static void load_modules_without_alias(System& system) {
    auto is_loaded = [&](std::string_view module) {
        return system.path_kind(text("/sys/module/", module)) != PathKind::missing;
    };
    if (is_loaded("mlx4_core")) {
        load_once(system, "mlx4_en");
        load_once(system, "mlx4_ib");
    }
    if (is_loaded("mlx5_core")) load_once(system, "mlx5_ib");
    constexpr const char* kPorts = "/sys/class/infiniband";
    if (system.path_kind(kPorts) != PathKind::directory) return;
    if (Result<std::vector<std::string>> ports = system.list_directory(kPorts); ports && !ports->empty())
        load_once(system, "ib_ipoib");
}

Result<> load_device_modules(System& system) {
    ModuleArguments arguments = read_module_arguments(system);
    load_named(system, arguments.first);
    std::set<std::string> known;
    for (bool found_new = true; std::exchange(found_new, false);)
        for (const std::string& alias : TRY(new_aliases(system, known)))
            if (load_once(system, alias)) found_new = true;
    load_modules_without_alias(system);
    load_named(system, arguments.last);
    return {};
}

bool loads_device_modules(const System& system) {
    return !system.device_aliases.empty();
}

Result<> wait_for_late_devices(System& system, Deadline deadline) {
    bool heard = TRY(system.wait_for_device_event(deadline));
    if (heard && loads_device_modules(system))
        TRY(load_device_modules(system), "loading the modules of late devices");
    return {};
}

} // namespace mangrove
