#pragma once

#include "iscsi/establish.h"

namespace mangrove::iscsi {

/// The way of PDUs over a TCP connection of ours, of which the kernel's initiator knows nothing. Pings of the
/// target are passed over. System and connection must outlive it.
PduExchange exchange_over(System& system, const UniqueFd& connection);

} // namespace mangrove::iscsi
