#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"

namespace mangrove {

inline constexpr uint64_t kSectorSize = 512;

/// A part of a device of the device mapper.
struct MappedTarget {
    std::string kind = {}; ///< "verity"
    std::string parameters = {};
    uint64_t sectors = 0;
};

/// A read-only device of the device mapper: its targets, one after the other.
struct MappedDeviceRequest {
    std::string name = {};
    std::string uuid = {};
    std::vector<MappedTarget> targets = {};
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
