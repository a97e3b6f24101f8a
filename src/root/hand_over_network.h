#pragma once

#include "net/bring_up.h"
#include "root/root.h"

namespace mangrove {

/// Hands the network to its manager in the root: systemd-networkd and NetworkManager get files in /run,
/// ifupdown's dhclient the client identifier in its configuration. Writes an /etc/resolv.conf when the root
/// has none with a server in it.
Result<> hand_over_network(System& system, Root& root, const NetworkConfiguration& network);

/// Does the part of it that lies in the root: for one that takes the place of another, whose managers have
/// their files in /run.
Result<> hand_over_names(System& system, Root& root, const NetworkConfiguration& network);

} // namespace mangrove
