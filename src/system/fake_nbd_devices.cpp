#include "system/fake_nbd_devices.h"

namespace mangrove {

Result<Bytes> FakeNbdDevices::receive(const UniqueFd& connection, size_t count, Deadline) {
    TRY(transcript_.record("reading from the NBD server"));
    size_t& position = positions_[connection.get()];
    if (said.size() - position < count) return transient_error("the NBD server closed the connection");
    position += count;
    return Bytes(said.data() + position - count, said.data() + position);
}

Result<> FakeNbdDevices::send(const UniqueFd&, ByteView) {
    return transcript_.record("writing to the NBD server");
}

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
