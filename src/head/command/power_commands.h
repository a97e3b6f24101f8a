#pragma once

#include <string>

#include "head/command/node_commands.h"
#include "head/power/power.h"

namespace mangrove::head {

/// Gives an order to the BMCs of nodes and shows their answers; asks before power changes.
Outcome<> power(Call& call, const Writing& writing, PowerOrder order, const std::string& nodes);

} // namespace mangrove::head
