#pragma once

#include <map>

#include "system/device_mapper.h"
#include "system/fake/system.h"

namespace mangrove {

/// Devices that show what `disk` holds.
class FakeDeviceMapper : public DeviceMapper {
  public:
    FakeDeviceMapper(FakeSystem& system, Transcript& transcript) : system_(system), transcript_(transcript) {
        system.use(*this);
    }

    std::map<std::string, MappedDeviceRequest> devices; ///< by name
    std::string disk = "/dev/sda";
    /// How often removing answers EBUSY.
    unsigned opened = 0;
    /// Returns the errno with which the kernel refuses a device, or 0.
    std::function<int(const MappedDeviceRequest&)> refuse = [](const MappedDeviceRequest&) { return 0; };

    Result<std::string> create(const MappedDeviceRequest& wanted) override;
    Result<> remove(const std::string& name) override;

  private:
    FakeSystem& system_;
    Transcript& transcript_;
};

} // namespace mangrove
