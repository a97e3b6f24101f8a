#pragma once

#include <string>

#include "head/command/node_commands.h"
#include "head/operations/rollouts.h"

namespace mangrove::head {

Outcome<> rollout_start(Call& call, const Writing& writing, const RolloutOptions& options);
Outcome<> rollout_list(Call& call);
Outcome<> rollout_show(Call& call, const std::string& id);
/// Prints what changes, until no node is under way any more.
Outcome<> rollout_watch(Call& call, const std::string& id);
Outcome<> rollout_order(Call& call, const Writing& writing, RolloutOrder order, const std::string& id);
Outcome<> rollout_order_nodes(Call& call, const Writing& writing, NodesOrder order, const std::string& nodes);

} // namespace mangrove::head
