#include "restart/hand_back.h"

#include <algorithm>

#include "attach/attach.h"
#include "base/log.h"
#include "machine/run_files.h"

namespace mangrove {

namespace {

bool is_device(const std::string& source) {
    return source.starts_with("/dev/");
}

/// Whether it is gone: by us, or what it is on is of no kind that has to be detached.
bool is_released(System& system, const std::string& device) {
    if (system.is_device_in_use(device)) return false;
    if (Result<> released = release_device(system, device); !released)
        log_warning("handing ", device, " back: ", released.error().what, ", ignoring");
    return true;
}

} // namespace

Result<EarlierRoot> look_at_root(System& system) {
    EarlierRoot root;
    for (const Layer& layer : layers_in(TRY(system.read_file("/proc/self/mountinfo")), "/")) {
        if (is_device(layer.source)) root.devices.push_back(layer.source);
        if (layer.mount_point != "/") root.directories.push_back(layer.mount_point);
    }
    root.keeper = TRY(look_at_keeper(system));
    return root;
}

Result<std::vector<Layer>> layers_beside(System& system, const EarlierRoot& running,
                                         const std::string& path) {
    std::vector<Layer> layers = layers_in(TRY(system.read_file("/proc/self/mountinfo")), path);
    std::erase_if(layers, [&](const Layer& layer) {
        return std::ranges::find(running.directories, layer.mount_point) != running.directories.end();
    });
    return layers;
}

void hand_back(System& system, const EarlierRoot& earlier) {
    constexpr std::chrono::minutes kPatience{10};
    constexpr milliseconds kPause{100};
    retire_keeper(system, earlier.keeper);
    // A device of a file that lies on another device is let go before that one.
    std::vector<std::string> devices = earlier.devices;
    for (Deadline deadline = system.now() + kPatience;; system.sleep(kPause)) {
        std::erase_if(devices, [&](const std::string& device) { return is_released(system, device); });
        if (devices.empty() || system.now() >= deadline) break;
    }
    for (const std::string& directory : earlier.directories)
        static_cast<void>(system.remove_directory(directory).has_value());
    if (devices.empty())
        log_notice("the earlier root is handed back");
    else
        log_warning("the earlier root is still in use: ", join(devices, ", "),
                    " stay attached, and a lost connection of them will not be restored");
}

} // namespace mangrove
