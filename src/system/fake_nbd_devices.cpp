#include "system/fake_nbd_devices.h"

namespace mangrove {

Result<uint32_t> FakeNbdDevices::connect(NbdDeviceRequest wanted) {
    TRY(transcript_.record("connecting an NBD device"));
    constexpr uint32_t kDevice = 3;
    connections = wanted.connections.size();
    request = std::move(wanted);
    request.connections.clear();
    when_connected(kDevice);
    return kDevice;
}

Result<> FakeNbdDevices::disconnect(uint32_t device) {
    TRY(transcript_.record(text("disconnecting /dev/nbd", device)));
    when_disconnected(device);
    return {};
}

} // namespace mangrove
