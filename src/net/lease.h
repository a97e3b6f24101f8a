#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "system/network.h"

namespace mangrove {

/// The options of a DHCP message by their code; the parts of a split option are joined (RFC 3396).
using DhcpOptions = std::map<uint8_t, Bytes>;

/// A route of option 121 (RFC 3442). A gateway of 0.0.0.0 means that the destination is on the link.
struct ClasslessRoute {
    IpAddress destination;
    unsigned prefix_length = 0;
    IpAddress gateway;
    bool operator==(const ClasslessRoute&) const = default;
};

/// A DHCP server's grant as plain data. Times count from the grant; no value means for ever.
struct Lease {
    IpAddress address;
    unsigned prefix_length = 0;
    std::optional<IpAddress> broadcast;
    IpAddress server;                      ///< option 54
    std::optional<seconds> lifetime;       ///< option 51
    std::optional<seconds> renewal_time;   ///< option 58 (T1)
    std::optional<seconds> rebinding_time; ///< option 59 (T2)
    std::vector<IpAddress> routers;        ///< option 3; empty when there are classless routes
    std::vector<ClasslessRoute> routes;    ///< option 121
    std::vector<IpAddress> name_servers;   ///< option 6
    std::vector<IpAddress> time_servers;   ///< option 42
    std::string host_name;                 ///< option 12
    std::string domain;                    ///< option 15
    std::vector<std::string> search;       ///< option 119
    std::string root_path;                 ///< option 17
    std::optional<uint16_t> mtu;           ///< option 26
    IpAddress next_server;                 ///< siaddr
    std::string boot_file;                 ///< field `file`, or option 67
    DhcpOptions options;                   ///< all of them, as they came
    std::vector<std::string> ignored;      ///< options that made no sense, a sentence each
};

} // namespace mangrove
