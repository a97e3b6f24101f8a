#pragma once

#include <vector>

#include "head/nodes/changes.h"

namespace mangrove::head {

/// Returns the writes by which the records of rollouts follow a change of nodes, in its transaction: a node
/// that is removed leaves its rollouts, one that is renamed keeps its release, and one whose removal is
/// undone gets its release back. A node that is added with the MAC address of one that is removed is a
/// renamed one. An error where a rollout has such a node under way, because it tells under its old name how
/// it goes.
Result<std::vector<Write>> follow_nodes(Database& database, const ChangePlan& plan);

} // namespace mangrove::head
