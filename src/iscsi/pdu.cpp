#include "iscsi/pdu.h"

#include <algorithm>

namespace mangrove::iscsi {

namespace {

constexpr uint8_t kImmediate = 0x40;
constexpr uint8_t kLoginRequest = 0x03;
constexpr uint8_t kLogoutRequest = 0x06;
constexpr uint8_t kLoginResponse = 0x23;
constexpr uint8_t kLogoutResponse = 0x26;
constexpr uint8_t kAsyncMessage = 0x32;
constexpr uint8_t kReject = 0x3f;
constexpr uint8_t kOpcodeMask = 0x3f;
constexpr uint8_t kTransit = 0x80;
constexpr uint8_t kContinue = 0x40;
constexpr uint8_t kFinal = 0x80;

void put_number(Bytes& bytes, size_t offset, uint32_t number) {
    for (size_t i = 0; i < 4; ++i)
        bytes[offset + i] = static_cast<uint8_t>(number >> (24 - 8 * i));
}

uint32_t get_number(const Bytes& bytes, size_t offset) {
    uint32_t number = 0;
    for (size_t i = 0; i < 4; ++i)
        number = (number << 8) | bytes[offset + i];
    return number;
}

} // namespace

Isid isid_of_session(uint32_t session_id) {
    return {0x00,
            0x02,
            0x3d,
            static_cast<uint8_t>(session_id >> 16),
            static_cast<uint8_t>(session_id >> 8),
            static_cast<uint8_t>(session_id)};
}

Pdu to_pdu(const LoginRequest& request) {
    Pdu pdu = {Bytes(kHeaderSize), request.text};
    pdu.header[0] = kLoginRequest | kImmediate;
    pdu.header[1] = static_cast<uint8_t>(static_cast<unsigned>(request.current_stage) << 2);
    if (request.transit) pdu.header[1] |= kTransit | static_cast<uint8_t>(request.next_stage);
    // Octet 4 is TotalAHSLength; DataSegmentLength has the other three.
    put_number(pdu.header, 4, static_cast<uint32_t>(request.text.size()));
    std::copy(request.isid.begin(), request.isid.end(), pdu.header.begin() + 8);
    put_number(pdu.header, 28, request.expected_status_number);
    return pdu;
}

Result<LoginResponse> parse_login_response(const Pdu& pdu) {
    if (pdu.header.size() != kHeaderSize) return permanent_error("the target sent a PDU without a header");
    uint8_t opcode = pdu.header[0] & kOpcodeMask;
    if (opcode == kReject)
        return permanent_error("the target rejected the login PDU, reason ", pdu.header[2]);
    if (opcode != kLoginResponse)
        return permanent_error("the target sent a PDU with opcode ", opcode, " during the login");
    LoginResponse response;
    response.transit = (pdu.header[1] & kTransit) != 0;
    response.more_follows = (pdu.header[1] & kContinue) != 0;
    response.current_stage = (pdu.header[1] >> 2) & 3;
    response.next_stage = pdu.header[1] & 3;
    response.session_handle = static_cast<uint16_t>((pdu.header[14] << 8) | pdu.header[15]);
    response.status_number = get_number(pdu.header, 24);
    response.status_class = pdu.header[36];
    response.status_detail = pdu.header[37];
    return response;
}

Pdu logout_request(uint32_t expected_status_number) {
    constexpr uint8_t kCloseSession = 0;
    Pdu pdu = {Bytes(kHeaderSize), {}};
    pdu.header[0] = kLogoutRequest | kImmediate;
    pdu.header[1] = kFinal | kCloseSession;
    put_number(pdu.header, 28, expected_status_number);
    return pdu;
}

bool is_logout_response(const Pdu& pdu) {
    return pdu.header.size() == kHeaderSize && (pdu.header[0] & kOpcodeMask) == kLogoutResponse;
}

std::optional<AsyncMessage> parse_async_message(const Pdu& pdu) {
    if (pdu.header.size() != kHeaderSize || (pdu.header[0] & kOpcodeMask) != kAsyncMessage)
        return std::nullopt;
    constexpr uint8_t kLogoutRequested = 1;
    constexpr uint8_t kConnectionDropped = 2;
    constexpr uint8_t kSessionDropped = 3;
    constexpr uint8_t kNegotiationRequested = 4;
    AsyncMessage message;
    switch (pdu.header[36]) {
    case kLogoutRequested:
    case kNegotiationRequested:
        message.event = AsyncMessage::Event::leave;
        break;
    case kConnectionDropped:
    case kSessionDropped:
        message.event = AsyncMessage::Event::drop;
        message.time_to_wait = seconds((pdu.header[40] << 8) | pdu.header[41]);
        break;
    default:
        break;
    }
    return message;
}

} // namespace mangrove::iscsi
