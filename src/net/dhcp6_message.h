#pragma once

#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "base/result.h"

namespace mangrove {

// DHCPv6 messages between client and server as RFC 8415 lays them out (section 8), with the options of RFC
// 8415, RFC 3646 (name servers) and RFC 5970 (booting). Pure: bytes to structure and back.

enum class Dhcp6Type : uint8_t {
    solicit = 1,
    advertise = 2,
    request = 3,
    renew = 5,
    rebind = 6,
    reply = 7,
    information_request = 11,
};

namespace dhcp6_option {
constexpr uint16_t kClient = 1;
constexpr uint16_t kServer = 2;
constexpr uint16_t kAssociation = 3; ///< IA_NA
constexpr uint16_t kAddress = 5;     ///< IAADDR, in an association
constexpr uint16_t kRequested = 6;
constexpr uint16_t kPreference = 7;
constexpr uint16_t kElapsed = 8;
constexpr uint16_t kStatus = 13;
constexpr uint16_t kUserClass = 15;
constexpr uint16_t kNameServers = 23;
constexpr uint16_t kSearch = 24;
constexpr uint16_t kBootFileUrl = 59;
constexpr uint16_t kSolicitLimit = 82;
constexpr uint16_t kInformationLimit = 83;
} // namespace dhcp6_option

/// The options of a message, or of an option that holds others, in their order.
using Dhcp6Options = std::vector<std::pair<uint16_t, Bytes>>;

/// Returns the first option of this number, or null.
const Bytes* find_option(const Dhcp6Options& options, uint16_t code);
/// Decodes options up to the first truncated one.
Dhcp6Options decode_dhcp6_options(ByteView bytes);
Bytes encode_dhcp6_options(const Dhcp6Options& options);

struct Dhcp6Message {
    Dhcp6Type type = Dhcp6Type::solicit;
    uint32_t transaction = 0; ///< 24 bits
    Dhcp6Options options;
};

/// No option may be longer than 65535 bytes.
Bytes encode_dhcp6(const Dhcp6Message& message);

/// Decodes a message; the error says what is wrong with the bytes. Refuses messages that no server sends to a
/// client, including those of relays.
Result<Dhcp6Message> decode_dhcp6(ByteView bytes);

} // namespace mangrove
