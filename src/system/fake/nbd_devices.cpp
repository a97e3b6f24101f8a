#include "system/fake/nbd_devices.h"

#include <cerrno>

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

Result<> FakeNbdDevices::set_dead_timeout(uint32_t device, seconds timeout) {
    TRY(transcript_.record(text("setting the patience of /dev/nbd", device)));
    request.dead_timeout = timeout;
    return {};
}

Result<bool> FakeNbdDevices::wait_for_dead_connection(uint32_t device, Deadline) {
    TRY(transcript_.record(text("listening for dead connections of /dev/nbd", device)));
    return dead > 0;
}

Result<> FakeNbdDevices::replace_dead(uint32_t device, UniqueFd) {
    std::string operation = text("giving /dev/nbd", device, " a new connection");
    TRY(transcript_.record(operation));
    if (dead == 0) return system_error(ENOSPC, operation);
    --dead;
    return {};
}

Result<NbdSockets> FakeNbdDevices::make_sockets() {
    TRY(transcript_.record("making a pair of sockets"));
    return NbdSockets();
}

void FakeNbdDevices::hang_up(const UniqueFd&) {
    ++hung_up;
    ++dead;
}

} // namespace mangrove
