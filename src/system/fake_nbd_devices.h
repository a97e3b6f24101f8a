#pragma once

#include <functional>
#include <map>

#include "system/nbd_devices.h"
#include "system/transcript.h"

namespace mangrove {

/// A server that has said on each connection what it will say, and devices that are numbers.
class FakeNbdDevices : public NbdDevices {
  public:
    explicit FakeNbdDevices(Transcript& transcript) : transcript_(transcript) {}

    Bytes said; ///< by the server, on every connection
    std::function<void(uint32_t device)> when_connected = [](uint32_t) {};
    std::function<void(uint32_t device)> when_disconnected = [](uint32_t) {};
    /// What the kernel was given last; without its connections, of which there were so many.
    NbdDeviceRequest request;
    size_t connections = 0;

    Result<Bytes> receive(const UniqueFd& connection, size_t count, Deadline deadline) override;
    Result<> send(const UniqueFd& connection, ByteView bytes) override;
    Result<uint32_t> connect(NbdDeviceRequest request) override;
    Result<> disconnect(uint32_t device) override;

  private:
    Transcript& transcript_;
    std::map<int, size_t> positions_; ///< by descriptor
};

} // namespace mangrove
