#pragma once

#include "system/network.h"

namespace mangrove {

/// Returns whether a host can have the address: not ::, ::1 or any other below ::/8, not multicast and not
/// link-local.
bool is_host_address(const IpAddress& address);
IpAddress read_ipv6(ByteView bytes);
/// Reads IPv6 addresses, 16 bytes each, and returns those that are reachable from another link, without
/// duplicates.
std::vector<IpAddress> read_host_addresses(ByteView bytes);

std::vector<std::string> to_texts(const std::vector<IpAddress>& addresses);

} // namespace mangrove
