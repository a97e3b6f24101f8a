#include <algorithm>
#include <variant>

#include "attach/attach.h"
#include "base/log.h"
#include "nbd/negotiation.h"
#include "system/each_address.h"
#include "system/nbd_devices.h"
#include "system/network.h"

// The attachment `nbd` (docs/schemes/nbd.md): an export of an NBD server. The handshake is ours, after it the
// kernel has the connections. Reads `host`, `port`, `export`, `connections` and `timeout`.

namespace mangrove {

namespace {

constexpr seconds kConnectTimeout{5};
constexpr seconds kHandshakeTimeout{15};
constexpr seconds kDeviceTimeout{10};
/// I/O waits so long for somebody to connect the device again; with 0 it would fail at once.
constexpr seconds kDeadTimeout{86400};
constexpr uint32_t kLargestBlock = 4096;
constexpr uint32_t kSmallestBlock = 512;

class ServerStream : public nbd::Stream {
  public:
    ServerStream(System& system, const UniqueFd& connection)
        : devices_(system.nbd_devices()), connection_(connection),
          deadline_(system.now() + kHandshakeTimeout) {}
    Result<Bytes> read(size_t count) override { return devices_.receive(connection_, count, deadline_); }
    Result<> write(ByteView bytes) override { return devices_.send(connection_, bytes); }

  private:
    NbdDevices& devices_;
    const UniqueFd& connection_;
    Deadline deadline_;
};

struct Connected {
    IpAddress address;
    UniqueFd connection;
    nbd::Export found;
};

Result<Connected> connect(System& system, const definition::Nbd& wanted, const IpAddress& address) {
    Connected connected;
    connected.address = address;
    connected.connection =
        TRY(system.network().connect_tcp(address, wanted.port, system.now() + kConnectTimeout));
    ServerStream stream(system, connected.connection);
    connected.found = TRY(nbd::negotiate(stream, wanted.export_name), "negotiating with ", address.to_text(),
                          " port ", wanted.port);
    return connected;
}

/// What the server prefers, as far as the kernel takes it.
uint32_t block_size(const nbd::Export& found) {
    return std::clamp(found.minimum_block, kSmallestBlock, kLargestBlock);
}

Result<NbdDeviceRequest> open_connections(System& system, const definition::Nbd& wanted) {
    Connected first = TRY(try_each_address(system.network(), wanted.host, [&](const IpAddress& address) {
        return connect(system, wanted, address);
    }));
    NbdDeviceRequest request = {.connections = {},
                                .size = first.found.size,
                                .block_size = block_size(first.found),
                                .server_flags = first.found.flags,
                                .request_timeout = wanted.timeout,
                                .dead_timeout = kDeadTimeout};
    bool takes_several = first.found.takes_several_connections();
    request.connections.push_back(std::move(first.connection));
    if (wanted.connections > 1 && !takes_several)
        log_notice("the NBD server takes one connection for '", wanted.export_name,
                   "', so it is one and not ", wanted.connections);
    while (takes_several && request.connections.size() < wanted.connections) {
        Connected further = TRY(connect(system, wanted, first.address));
        if (further.found.size != request.size)
            return transient_error("the export '", wanted.export_name,
                                   "' changed its size between two connections");
        request.connections.push_back(std::move(further.connection));
    }
    return request;
}

} // namespace

Result<std::string> attach_nbd(System& system, const definition::Attachment& attachment, Undo& undo) {
    const auto& wanted = std::get<definition::Nbd>(attachment.kind);
    TRY(system.load_module("nbd"));
    NbdDeviceRequest request = TRY(open_connections(system, wanted));
    size_t connections = request.connections.size();
    uint32_t number = TRY(system.nbd_devices().connect(std::move(request)));
    std::string device = text("/dev/nbd", number);
    undo.push("disconnecting " + device,
              [&system, number] { return system.nbd_devices().disconnect(number); });
    bool appeared = TRY(
        wait_until(system, system.now() + kDeviceTimeout, [&] { return system.is_device_ready(device); }));
    if (!appeared) return transient_error(device, " did not appear within ", kDeviceTimeout.count(), " s");
    log_notice("export '", wanted.export_name, "' of ", wanted.host, " is ", device, " over ", connections,
               connections == 1 ? " connection" : " connections");
    return device;
}

} // namespace mangrove
