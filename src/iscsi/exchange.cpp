#include "iscsi/exchange.h"

#include <cerrno>

namespace mangrove::iscsi {

Result<Pdu> next_pdu(System& system, IscsiConnectionId connection, Deadline deadline) {
    for (;;) {
        std::optional<IscsiEvent> event = TRY(system.iscsi_transport().next_event(deadline));
        if (!event) return transient_error("timed out waiting for the target");
        if (event->connection != connection) continue;
        if (event->kind == IscsiEvent::Kind::connection_error)
            return transient_error(iscsi_error_text(event->error));
        if (event->kind == IscsiEvent::Kind::pdu_received)
            return Pdu{std::move(event->header), std::move(event->data)};
    }
}

/// A PDU cannot be sent any more as soon as the kernel knows that the connection is gone; why it is gone
/// stands in an event.
Result<> send(System& system, IscsiConnectionId connection, const Pdu& pdu) {
    Result<> sent = system.iscsi_transport().send_pdu(connection, pdu.header, pdu.data);
    if (sent || (sent.error().code != ENOTCONN && sent.error().code != EPIPE)) return sent;
    Result<Pdu> why = next_pdu(system, connection, system.now());
    return std::unexpected(why ? sent.error() : why.error());
}

} // namespace mangrove::iscsi
