#include "attach/nbd_connection.h"

#include "machine/each_address.h"
#include "nbd/read.h"

namespace mangrove {

namespace {

constexpr seconds kConnectTimeout{5};
constexpr seconds kHandshakeTimeout{15};

class ServerStream : public nbd::Stream {
  public:
    ServerStream(System& system, const UniqueFd& connection)
        : network_(system.network()), connection_(connection), deadline_(system.now() + kHandshakeTimeout) {}
    Result<Bytes> read(size_t count) override { return network_.receive(connection_, count, deadline_); }
    Result<> write(ByteView bytes) override { return network_.send(connection_, bytes, deadline_); }

  private:
    Network& network_;
    const UniqueFd& connection_;
    Deadline deadline_;
};

} // namespace

Result<NbdConnection> connect_nbd(System& system, const definition::Nbd& wanted, const IpAddress& address) {
    NbdConnection connection;
    connection.address = address;
    connection.socket =
        TRY(system.network().connect_tcp(address, wanted.port, system.now() + kConnectTimeout));
    ServerStream stream(system, connection.socket);
    connection.found = TRY(nbd::negotiate(stream, wanted.export_name), "negotiating with ", address.to_text(),
                           " port ", wanted.port);
    return connection;
}

Result<NbdConnection> connect_nbd(System& system, const definition::Nbd& wanted) {
    return try_each_address(system.network(), wanted.host,
                            [&](const IpAddress& address) { return connect_nbd(system, wanted, address); });
}

Result<Bytes> read_beginning(System& system, const NbdConnection& connection, uint32_t count) {
    ServerStream stream(system, connection.socket);
    return nbd::read_beginning(stream, count);
}

} // namespace mangrove
