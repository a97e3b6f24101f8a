#include "attach/mapped_device.h"

#include <cerrno>
#include <map>
#include <ranges>

#include "base/text.h"

namespace mangrove {

static constexpr const char* kName = "mangrove";

Result<std::string> read_device_attribute(System& system, const std::string& device, const char* attribute) {
    std::string path = TRY(system.resolve_in_root("/", device));
    std::string name = path.substr(path.rfind('/') + 1);
    return std::string(trim(TRY(system.read_file(text("/sys/class/block/", name, "/", attribute)))));
}

Result<uint64_t> size_of_device(System& system, const std::string& device) {
    std::string sectors = TRY(read_device_attribute(system, device, "size"));
    return parse_number(sectors).value_or(0) * kSectorSize;
}

Result<std::string> create_mapped(System& system, MappedDeviceRequest& request,
                                  std::string_view uuid_prefix) {
    constexpr unsigned kMostDevices = 64;
    for (unsigned number = 0;; ++number) {
        request.name = text(kName, number);
        request.uuid = text(uuid_prefix, request.name);
        Result<std::string> created = system.device_mapper().create(request);
        if (created || created.error().code != EBUSY || number == kMostDevices) return created;
    }
}

Result<> remove_mapped(System& system, const std::string& name) {
    constexpr seconds kTimeForUdev{5};
    constexpr milliseconds kPause{50};
    for (Deadline deadline = system.now() + kTimeForUdev;;) {
        Result<> removed = system.device_mapper().remove(name);
        if (removed || removed.error().code != EBUSY || system.now() >= deadline) return removed;
        system.sleep(kPause);
    }
}

Result<std::vector<std::string>> release_mapped(System& system, const std::string& device) {
    std::string directory = text("/sys/block/", device.substr(device.rfind('/') + 1));
    Result<std::string> name = system.read_file(directory + "/dm/name");
    if (!name || !name->starts_with(kName)) return std::vector<std::string>();
    std::vector<std::string> below = TRY(system.list_directory(directory + "/slaves"));
    for (std::string& disk : below)
        disk.insert(0, "/dev/");
    TRY(remove_mapped(system, std::string(trim(*name))));
    return below;
}

Result<> release_mapped(System& system) {
    // The last one first: it may be on an earlier one.
    std::map<uint64_t, std::string> names;
    for (const std::string& disk : TRY(system.list_directory("/sys/block"))) {
        if (!disk.starts_with("dm-")) continue;
        std::string name = TRY(system.read_file(text("/sys/block/", disk, "/dm/name")));
        if (name.starts_with(kName)) names[parse_number(disk.substr(3)).value_or(0)] = trim(name);
    }
    Result<> result;
    for (const auto& [number, name] : std::views::reverse(names))
        if (Result<> removed = remove_mapped(system, name); !removed) result = std::move(removed);
    return result;
}

} // namespace mangrove
