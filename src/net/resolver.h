#pragma once

#include "net/bring_up.h"

/// The node's name, name servers and search domains, from all that configured its links.
namespace mangrove {

/// Adds a link's part: its argument goes before DHCP, DHCPv6 and routers, an earlier link before a later one.
void add_names_of_link(NetworkConfiguration& network, const ConfiguredLink& link, const IpArgument& argument);

/// Adds the name servers that the kernel (CONFIG_IP_PNP) or another initramfs got, if they configured a link
/// and nothing else names any.
void add_names_of_others(System& system, NetworkConfiguration& network);

/// Writes /etc/resolv.conf if there are name servers.
Result<> write_resolver(System& system, const NetworkConfiguration& network);

} // namespace mangrove
