#include "iscsi/socket_exchange.h"

#include "base/byte_order.h"
#include "system/network.h"

namespace mangrove::iscsi {

namespace {

constexpr uint8_t kNopIn = 0x20;
constexpr uint8_t kOpcodeMask = 0x3f;
constexpr size_t kDataMax = 1 << 18; // the MaxRecvDataSegmentLength of our login

constexpr size_t padding_of(size_t size) {
    return (4 - size % 4) % 4;
}

Result<> send_pdu(System& system, const UniqueFd& connection, const Pdu& pdu) {
    Bytes bytes = pdu.header;
    bytes.insert(bytes.end(), pdu.data.begin(), pdu.data.end());
    bytes.resize(bytes.size() + padding_of(pdu.data.size()));
    return system.network().send(connection, bytes, system.now() + kStepTimeout);
}

Result<Pdu> receive_pdu(System& system, const UniqueFd& connection, Deadline deadline) {
    for (;;) {
        Pdu pdu;
        pdu.header = TRY(system.network().receive(connection, kHeaderSize, deadline));
        size_t additional = size_t{pdu.header[4]} * 4;
        size_t size = load_be32(&pdu.header[4]) & 0xffffff;
        if (size > kDataMax) return permanent_error("the target sent a PDU with ", size, " bytes of data");
        TRY(system.network().receive(connection, additional, deadline));
        pdu.data = TRY(system.network().receive(connection, size + padding_of(size), deadline));
        pdu.data.resize(size);
        if ((pdu.header[0] & kOpcodeMask) != kNopIn) return pdu;
    }
}

} // namespace

PduExchange exchange_over(System& system, const UniqueFd& connection) {
    return {[&](const Pdu& pdu) { return send_pdu(system, connection, pdu); },
            [&](Deadline deadline) { return receive_pdu(system, connection, deadline); }};
}

} // namespace mangrove::iscsi
