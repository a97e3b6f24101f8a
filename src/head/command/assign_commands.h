#pragma once

#include <string>
#include <vector>

#include "head/command/node_commands.h"
#include "head/publish/assigning.h"

namespace mangrove::head {

/// Whether the database has nodes. Then these are assigned images, which mangrove-head serves, and not cards
/// whose scripts are in the boot directory.
bool has_nodes(const Call& call);
/// Nodes are given by node sets and MAC addresses.
Outcome<> assign_nodes(Call& call, const Writing& writing, const std::string& reference,
                       const std::vector<std::string>& nodes);
Outcome<> unassign_nodes(Call& call, const Writing& writing, const std::vector<std::string>& nodes);
Outcome<> assigned_nodes(Call& call);
/// An error where a node of the database boots it.
Result<> check_unassigned(const Call& call, const std::string& reference);

Outcome<> assign(Call& call, const std::string& reference, const std::vector<std::string>& nodes, Run run,
                 Scripts scripts);
Outcome<> unassign(Call& call, const std::vector<std::string>& nodes, Run run);
Outcome<> assigned(Call& call);

} // namespace mangrove::head
