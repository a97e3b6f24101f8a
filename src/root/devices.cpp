#include "root/devices.h"

#include <set>

#include "base/log.h"

namespace mangrove {

static Result<std::set<std::string>> device_aliases(System& system) {
    std::set<std::string> aliases;
    std::vector<std::string> buses = TRY(system.list_directory("/sys/bus"));
    for (const std::string& bus : buses) {
        std::string directory = text("/sys/bus/", bus, "/devices");
        if (system.path_kind(directory) != PathKind::directory) continue;
        std::vector<std::string> devices = TRY(system.list_directory(directory));
        for (const std::string& device : devices) {
            std::string path = text(directory, "/", device, "/modalias");
            if (system.path_kind(path) != PathKind::file) continue;
            // A device can go away while the bus is read.
            if (Result<std::string> alias = system.read_file(path); alias && !trim(*alias).empty())
                aliases.emplace(trim(*alias));
        }
    }
    return aliases;
}

Result<> load_device_modules(System& system) {
    std::set<std::string> seen;
    for (bool found_new = true; found_new;) {
        found_new = false;
        std::set<std::string> aliases = TRY(device_aliases(system));
        for (const std::string& alias : aliases) {
            if (!seen.insert(alias).second) continue;
            found_new = true;
            // Most devices need nothing of what the initramfs holds: an error without an errno says only
            // that.
            if (Result<> loaded = system.load_module(alias); !loaded && loaded.error().code != 0)
                log_warning(loaded.error().what, ", ignoring");
        }
    }
    return {};
}

} // namespace mangrove
