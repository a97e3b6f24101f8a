#pragma once

#include "iscsi/establish.h"

namespace mangrove::iscsi {

/// Exchanges PDUs over a TCP connection that is unknown to the kernel's initiator. Skips the target's pings.
/// System and connection must outlive it.
PduExchange exchange_over(System& system, const UniqueFd& connection);

} // namespace mangrove::iscsi
