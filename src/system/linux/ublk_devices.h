#pragma once

#include "system/ublk_devices.h"

namespace mangrove {

class LinuxUblkDevices : public UblkDevices {
  public:
    Result<UblkDevice> add(uint64_t size, uint32_t longest) override;
    Result<std::unique_ptr<UblkQueue>> serve(const UblkDevice& device) override;
    Result<> remove(const UblkDevice& device) override;
};

} // namespace mangrove
