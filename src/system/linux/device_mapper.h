#pragma once

#include "system/device_mapper.h"

namespace mangrove {

class LinuxDeviceMapper : public DeviceMapper {
  public:
    Result<std::string> create(const MappedDeviceRequest& wanted) override;
    Result<> remove(const std::string& name) override;
};

} // namespace mangrove
