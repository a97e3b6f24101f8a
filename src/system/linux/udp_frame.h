#pragma once

#include <optional>

#include "base/text.h"

namespace mangrove {

/// A DHCP message in the IPv4 and UDP header that a client without address sends it with: from 0.0.0.0 port
/// 68 to 255.255.255.255 port 67.
Bytes wrap_dhcp(ByteView message);

/// `left_to_card`: a neighbour on the same host sends packets whose UDP checksum its card would have
/// completed.
enum class UdpChecksum { verify, left_to_card };

/// The DHCP message in a packet to UDP port 68 that starts with its IPv4 header. Nothing when the packet is
/// anything else, a fragment, or damaged. The view points into `packet`.
std::optional<ByteView> unwrap_dhcp(ByteView packet, UdpChecksum checksum);

} // namespace mangrove
