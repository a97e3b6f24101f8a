#pragma once

#include "net/bring_up.h"

namespace mangrove {

/// Returns the network of a running system as others have configured it, and changes nothing: the links with
/// addresses, that of `BOOTIF=` first; the host name; and the name servers of an /etc/resolv.conf that is a
/// file. An error where no link has an address.
Result<NetworkConfiguration> running_network(System& system, const KernelCommandLine& command_line);

} // namespace mangrove
