#pragma once

#include <functional>

#include "system/fake/transcript.h"
#include "system/nbd_devices.h"

namespace mangrove {

/// Devices that are numbers.
class FakeNbdDevices : public NbdDevices {
  public:
    explicit FakeNbdDevices(Transcript& transcript) : transcript_(transcript) {}

    std::function<void(uint32_t device)> when_connected = [](uint32_t) {};
    std::function<void(uint32_t device)> when_disconnected = [](uint32_t) {};
    /// The last request to the kernel, without its connections, of which there were `connections`.
    NbdDeviceRequest request;
    size_t connections = 0;
    size_t hung_up = 0;
    size_t dead = 0; ///< of the connections

    Result<uint32_t> connect(NbdDeviceRequest request) override;
    Result<> disconnect(uint32_t device) override;
    Result<> set_dead_timeout(uint32_t device, seconds timeout) override;
    Result<bool> wait_for_dead_connection(uint32_t device, Deadline deadline) override;
    Result<> replace_dead(uint32_t device, UniqueFd connection) override;
    Result<NbdSockets> make_sockets() override;
    void hang_up(const UniqueFd& connection) override;

  private:
    Transcript& transcript_;
};

} // namespace mangrove
