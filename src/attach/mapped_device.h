#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/undo.h"
#include "system/device_mapper.h"
#include "system/system.h"

/// Devices of the device mapper that are made over attachments.
namespace mangrove {

/// Reads an attribute of a block device, whose name may be a link of udev's.
Result<std::string> read_device_attribute(System& system, const std::string& device, const char* attribute);
/// Returns the size of a block device in bytes.
Result<uint64_t> size_of_device(System& system, const std::string& device);

/// Makes a device with the first name that is free, and returns its path. `uuid_prefix` is followed by the
/// name. `request.name` is the name then.
Result<std::string> create_mapped(System& system, MappedDeviceRequest& request, std::string_view uuid_prefix);

/// Removes one; waits for udev, which opens a device when it appears and when it was closed.
Result<> remove_mapped(System& system, const std::string& name);

/// Removes a device, if it is one of these, and returns those that it was on.
Result<std::vector<std::string>> release_mapped(System& system, const std::string& device);

/// Removes those of this or an earlier process.
Result<> release_mapped(System& system);

} // namespace mangrove
