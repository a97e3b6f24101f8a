#include "system/fake/device_mapper.h"

#include <cerrno>

namespace mangrove {

/// As many devices as names, so that no two have a number.
static std::string path_of(const std::string& name) {
    return "/dev/dm-" + name.substr(name.find_last_not_of("0123456789") + 1);
}

Result<std::string> FakeDeviceMapper::create(const MappedDeviceRequest& wanted) {
    std::string operation = text("making the ", wanted.targets.at(0).kind, " device ", wanted.name);
    std::string table;
    for (const MappedTarget& target : wanted.targets)
        table += text(table.empty() ? "" : ", ", target.sectors, " ", target.parameters);
    TRY(transcript_.record(text(operation, ": ", table)));
    if (devices.contains(wanted.name)) return system_error(EBUSY, operation);
    if (int refusal = refuse(wanted); refusal != 0) return system_error(refusal, operation);
    devices[wanted.name] = wanted;
    std::string device = path_of(wanted.name);
    system_.add_alias(device, disk);
    system_.add_file(text("/sys/block/", device.substr(5), "/dm/name"), wanted.name + "\n");
    return device;
}

Result<> FakeDeviceMapper::remove(const std::string& name) {
    std::string operation = "removing the mapped device " + name;
    TRY(transcript_.record(operation));
    if (!devices.contains(name)) return system_error(ENXIO, operation);
    if (opened > 0) {
        --opened;
        return system_error(EBUSY, operation);
    }
    devices.erase(name);
    system_.remove(path_of(name));
    system_.remove("/sys/block/" + path_of(name).substr(5));
    return {};
}

} // namespace mangrove
