#pragma once

#include <optional>

#include "system/nbd_devices.h"
#include "system/netlink.h"

namespace mangrove {

class LinuxNbdDevices : public NbdDevices {
  public:
    Result<uint32_t> connect(NbdDeviceRequest request) override;
    Result<> disconnect(uint32_t device) override;

  private:
    /// Opens the socket and finds the number of the kernel's family "nbd", once.
    Result<> open();

    std::optional<NetlinkSocket> socket_;
    uint16_t family_ = 0;
};

} // namespace mangrove
