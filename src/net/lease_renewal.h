#pragma once

#include "net/bring_up.h"
#include "system/resident.h"

namespace mangrove {

/// Renews the DHCP leases of a network, of either IP version, for as long as the machine runs, so that the
/// image needs no client. Leaves a lease to another program (systemd-networkd, NetworkManager, dhclient)
/// while that renews it. Keeps an address whose lease no server renews, because the root is on it.
std::vector<Resident> lease_renewals(const NetworkConfiguration& network);

/// Renews each lease that is past its T1, for a boot that takes longer. Keeps the address when no server
/// grants it, and adds it to the link again when it is gone.
Result<> renew_leases(System& system, NetworkConfiguration& network);

} // namespace mangrove
