#pragma once

#include "net/bring_up.h"
#include "system/resident.h"

namespace mangrove {

/// Renews the leases of a network that was brought up by DHCP, of either IP version, for as long as the
/// machine runs: nobody has to do it in the image. A lease that somebody else renews (systemd-networkd,
/// NetworkManager, dhclient) is left to him as long as he does. An address whose lease is not renewed by any
/// server is kept all the same, for the root is on it.
std::vector<Resident> lease_renewals(const NetworkConfiguration& network);

/// Asks for a longer time of each lease that is past its T1, for a boot that takes longer than that; as above
/// the address is kept when no server grants it, and is put on the link again when it is gone.
Result<> renew_leases(System& system, NetworkConfiguration& network);

} // namespace mangrove
