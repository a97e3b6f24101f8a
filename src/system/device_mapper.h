#pragma once

#include <cstdint>
#include <string>

#include "base/result.h"

namespace mangrove {

/// A read-only device of the device mapper that is one target.
struct MappedDeviceRequest {
    std::string name = {};
    std::string uuid = {};
    std::string target = {}; ///< "verity"
    std::string parameters = {};
    uint64_t sectors = 0; ///< of 512 bytes
};

/// The seam to the kernel's device mapper (linux/dm-ioctl.h). Its module must be loaded.
class DeviceMapper {
  public:
    virtual ~DeviceMapper() = default;

    /// Returns the device ("/dev/dm-0"). EBUSY when there is one with this name or UUID.
    virtual Result<std::string> create(const MappedDeviceRequest& wanted) = 0;
    /// EBUSY while somebody has it open.
    virtual Result<> remove(const std::string& name) = 0;
};

} // namespace mangrove
