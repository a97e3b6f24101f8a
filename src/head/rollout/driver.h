#pragma once

#include <string>
#include <vector>

#include "head/rollout/records.h"
#include "head/rollout/transitions.h"

namespace mangrove::head {

/// Checks that the policy's `restart` and `drain` are ones that a head node can do (the table in driver.cpp).
Result<> check_drivers(const Policy& policy);

/// Whether the node's BMC takes an action, and no command line.
bool is_by_power(const Action& action);

/// Whether the node's record still asks for a restart. Where it does not, the node has begun another boot.
Result<bool> is_still_due(Database& database, const Action& action);

/// Whether the node's record still waits for the event that has ended an action. A restart that a node
/// refuses may have fetched the definition, which has begun a try.
bool is_awaited(const NodeState& node, const Action& action, const NodeEvent& event);

/// Returns the driver that restarts a node as `how` does, but through its firmware.
std::string full_restart(const std::string& how);

/// Returns the command line that takes an action; slurm.h does those of Slurm:
///
///   restart "ssh"             ssh root@NODE, which restarts only the boot that the action names
///   restart "soft", "kexec"   the same, by `mangrove restart` of the node; through the firmware when that
///                             refuses, with its error in the output
///   restart "command:/PATH"   /PATH NODE
///   drain "command:/PATH"     /PATH drain NODE, and /PATH resume NODE
Result<std::vector<std::string>> command_for(const Action& action);

/// Returns why a restart that went by the table was one through the firmware after all, from the output of
/// its command; empty: it was not.
std::string refusal_in(const Action& action, const std::string& output);

} // namespace mangrove::head
