#pragma once

#include "net/lease.h"

namespace mangrove {

// DHCP messages as RFC 2131 lays them out, with the options of RFC 2132, RFC 3396 (an option in several
// parts) and the option overload (52). Pure: bytes to structure and back.

/// Option 53.
enum class DhcpType : uint8_t {
    discover = 1,
    offer = 2,
    request = 3,
    decline = 4,
    acknowledge = 5,
    refuse = 6,
    release = 7,
    inform = 8,
};

namespace dhcp_option {
constexpr uint8_t kPad = 0;
constexpr uint8_t kSubnetMask = 1;
constexpr uint8_t kRouters = 3;
constexpr uint8_t kNameServers = 6;
constexpr uint8_t kHostName = 12;
constexpr uint8_t kDomain = 15;
constexpr uint8_t kRootPath = 17;
constexpr uint8_t kMtu = 26;
constexpr uint8_t kBroadcast = 28;
constexpr uint8_t kTimeServers = 42;
constexpr uint8_t kRequestedAddress = 50;
constexpr uint8_t kLifetime = 51;
constexpr uint8_t kOverload = 52;
constexpr uint8_t kType = 53;
constexpr uint8_t kServer = 54;
constexpr uint8_t kParameterList = 55;
constexpr uint8_t kMessage = 56;
constexpr uint8_t kMaximumSize = 57;
constexpr uint8_t kRenewalTime = 58;
constexpr uint8_t kRebindingTime = 59;
constexpr uint8_t kClass = 60;
constexpr uint8_t kClient = 61;
constexpr uint8_t kBootFile = 67;
constexpr uint8_t kSearch = 119;
constexpr uint8_t kClasslessRoutes = 121;
constexpr uint8_t kDefinition = 224; ///< ours, of the codes that are left to sites
constexpr uint8_t kEnd = 255;
} // namespace dhcp_option

struct DhcpMessage {
    enum class Operation : uint8_t { request = 1, reply = 2 };
    Operation operation = Operation::request;
    uint8_t hardware_type = 1; ///< of IANA: 1 is Ethernet, 32 InfiniBand
    uint32_t transaction = 0;
    uint16_t elapsed_seconds = 0;
    uint16_t flags = 0;
    IpAddress client_address; ///< ciaddr
    IpAddress your_address;   ///< yiaddr
    IpAddress next_server;    ///< siaddr
    IpAddress relay;          ///< giaddr
    MacAddress mac;           ///< chaddr; of other hardware than Ethernet it has no length (RFC 4390)
    std::string boot_file;    ///< empty when the field holds options
    DhcpOptions options;
    std::vector<std::string> ignored; ///< options that made no sense, a sentence each

    /// Returns nothing for a BOOTP message, or when option 53 is not one of RFC 2132's.
    std::optional<DhcpType> type() const;
    /// Returns the option if it holds exactly one address.
    std::optional<IpAddress> address_option(uint8_t code) const;
};

/// Encodes a message of at least 300 bytes, as BOOTP relays expect. Splits options longer than 255 bytes.
Bytes encode_dhcp(const DhcpMessage& message);

/// Decodes a message; the error says what is wrong with the bytes. Nothing after the magic cookie is an
/// error.
Result<DhcpMessage> decode_dhcp(ByteView bytes);

} // namespace mangrove
