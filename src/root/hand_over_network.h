#pragma once

#include "net/bring_up.h"
#include "root/root.h"

namespace mangrove {

/// Gives the network as it stands to what manages it in the root: systemd-networkd and NetworkManager find
/// files of their own in /run, ifupdown's dhclient the client identifier in its configuration. The root gets
/// an /etc/resolv.conf where it has none with a server in it.
Result<> hand_over_network(System& system, Root& root, const NetworkConfiguration& network);

} // namespace mangrove
