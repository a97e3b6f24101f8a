#pragma once

#include "net/dhcp6_message.h"
#include "system/network.h"

namespace mangrove {

/// What a DHCPv6 server granted, or told without granting anything, as plain data. Times count from the
/// moment it was asked for; none means for ever.
struct Dhcp6Lease {
    Bytes server;                          ///< its DUID
    uint8_t preference = 0;                ///< of an advertisement
    std::optional<IpAddress> address;      ///< none in the answer to a request for information
    std::optional<seconds> lifetime;       ///< for which the address is valid
    std::optional<seconds> renewal_time;   ///< T1
    std::optional<seconds> rebinding_time; ///< T2
    std::vector<IpAddress> name_servers;   ///< option 23 (RFC 3646)
    std::vector<std::string> search;       ///< option 24
    std::string boot_file_url;             ///< option 59 (RFC 5970)
    std::vector<std::string> ignored;      ///< options that made no sense, a sentence each

    /// As it is put on a link: alone, for which network it is in is the routers' to tell (RFC 5942).
    InterfaceAddress interface_address() const {
        return {.address = *address, .prefix_length = 128, .lifetime = lifetime};
    }
};

/// What an advertisement or a reply says. A server that refuses, and nonsense in what cannot be done without
/// (the server, the address), is an error; any other option that makes no sense is left out and told of in
/// `ignored`. The address is that of the association with this number; without one none is looked for.
Result<Dhcp6Lease> read_dhcp6_lease(const Dhcp6Message& message, std::optional<uint32_t> association);

} // namespace mangrove
