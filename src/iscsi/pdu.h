#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "base/result.h"
#include "base/text.h"
#include "system/clock.h"

/// The PDUs of the login and of the logout, RFC 7143 section 11. Numbers are in network order on the wire.
namespace mangrove::iscsi {

constexpr size_t kHeaderSize = 48;
/// The longest data segment of a login PDU, before anything else is negotiated.
constexpr size_t kLoginDataMax = 8192;

/// A header and its data segment, as they go through IscsiTransport.
struct Pdu {
    Bytes header;
    Bytes data;
};

enum class Stage : uint8_t { security = 0, operational = 1, full_feature = 3 };

/// The session as the initiator names it; the same ISID from the same initiator is the same session.
using Isid = std::array<uint8_t, 6>;

/// Returns the ISID by open-iscsi's formula, so that an iscsid that adopts the session reinstates it instead
/// of opening another.
Isid isid_of_session(uint32_t session_id);

/// Section 11.12.
struct LoginRequest {
    bool transit = false; ///< ready to go on to `next_stage`
    Stage current_stage = Stage::operational;
    Stage next_stage = Stage::full_feature;
    Isid isid = {};
    uint32_t expected_status_number = 0;
    Bytes text;
};
Pdu to_pdu(const LoginRequest& request);

/// Section 11.13.
struct LoginResponse {
    bool transit = false;
    bool more_follows = false; ///< the text goes on in the next response (C bit)
    uint8_t current_stage = 0;
    uint8_t next_stage = 0;
    uint16_t session_handle = 0; ///< TSIH
    uint32_t status_number = 0;
    uint8_t status_class = 0;
    uint8_t status_detail = 0;
};
Result<LoginResponse> parse_login_response(const Pdu& pdu);

/// Returns the request that closes the session (section 11.14).
Pdu logout_request(uint32_t expected_status_number);
bool is_logout_response(const Pdu& pdu);

/// An asynchronous message of the target (section 11.9).
struct AsyncMessage {
    /// `leave`: the initiator must log out, or negotiate, which waits for the next login; `drop`: the target
    /// is about to drop the connection.
    enum class Event { other, leave, drop };
    Event event = Event::other;
    seconds time_to_wait{0}; ///< until the next login, after a drop
};
/// Returns nothing for a PDU of another kind.
std::optional<AsyncMessage> parse_async_message(const Pdu& pdu);

} // namespace mangrove::iscsi
