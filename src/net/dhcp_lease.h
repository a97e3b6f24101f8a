#pragma once

#include "net/dhcp_message.h"
#include "net/lease.h"

namespace mangrove {

/// What an offer or an acknowledgement grants. Nonsense in what a lease cannot do without (address, mask,
/// server, lifetime) is an error; any other option that makes no sense is left out and told of in `ignored`.
Result<Lease> read_lease(const DhcpMessage& message);

} // namespace mangrove
