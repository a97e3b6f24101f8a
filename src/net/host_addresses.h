#pragma once

#include "system/network.h"

namespace mangrove {

/// Not ::, ::1 or any other below ::/8, not multicast and not of one link alone.
bool is_host_address(const IpAddress& address);
IpAddress read_ipv6(ByteView bytes);
/// Of IPv6 addresses, 16 bytes each, those that a host can be reached at from elsewhere, each once.
std::vector<IpAddress> read_host_addresses(ByteView bytes);

std::vector<std::string> to_texts(const std::vector<IpAddress>& addresses);

} // namespace mangrove
