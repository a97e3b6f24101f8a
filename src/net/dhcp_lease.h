#pragma once

#include "net/dhcp_message.h"
#include "net/lease.h"

namespace mangrove {

/// Reads an offer or an acknowledgement. An invalid required field (address, mask, server, lifetime) is an
/// error; any other invalid option is skipped and listed in `ignored`.
Result<Lease> read_lease(const DhcpMessage& message);

} // namespace mangrove
