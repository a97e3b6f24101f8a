#pragma once

#include <optional>

#include "system/linux/netlink.h"
#include "system/nbd_devices.h"

namespace mangrove {

class LinuxNbdDevices : public NbdDevices {
  public:
    Result<uint32_t> connect(NbdDeviceRequest request) override;
    Result<> disconnect(uint32_t device) override;
    Result<> set_dead_timeout(uint32_t device, seconds timeout) override;
    Result<bool> wait_for_dead_connection(uint32_t device, Deadline deadline) override;
    Result<> replace_dead(uint32_t device, UniqueFd connection) override;
    Result<NbdSockets> make_sockets() override;
    void hang_up(const UniqueFd& connection) override;

  private:
    /// Opens the socket and finds the number of the kernel's family "nbd", once.
    Result<> open();
    Result<> listen();

    std::optional<NetlinkSocket> socket_;
    std::optional<NetlinkSocket> events_;
    uint16_t family_ = 0;
    uint32_t event_group_ = 0;
};

} // namespace mangrove
