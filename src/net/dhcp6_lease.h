#pragma once

#include "net/dhcp6_message.h"
#include "system/network.h"

namespace mangrove {

/// A DHCPv6 server's grant, or its information without a grant, as plain data. Times count from the request;
/// no value means for ever.
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

    /// Returns the address as it is put on a link: alone, because the network comes from the routers (RFC
    /// 5942).
    InterfaceAddress interface_address() const {
        return {.address = *address, .prefix_length = 128, .lifetime = lifetime};
    }
};

/// Reads an advertisement or a reply. A refusal and an invalid required option (the server, the address) are
/// errors; any other invalid option is skipped and listed in `ignored`. Reads the address of the association
/// with this number, or no address without a number.
Result<Dhcp6Lease> read_dhcp6_lease(const Dhcp6Message& message, std::optional<uint32_t> association);

} // namespace mangrove
