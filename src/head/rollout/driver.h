#pragma once

#include <string>
#include <vector>

#include "head/rollout/records.h"

namespace mangrove::head {

/// Checks that the policy's `restart` and `drain` are ones that a head node can do: "none", "ssh",
/// "command:/PATH".
Result<> check_drivers(const Policy& policy);

/// Returns the command line that takes an action:
///
///   restart "ssh"             ssh root@NODE, which restarts only the boot that the action names
///   restart "command:/PATH"   /PATH NODE
///   drain "command:/PATH"     /PATH drain NODE, and /PATH resume NODE
Result<std::vector<std::string>> command_for(const Action& action);

} // namespace mangrove::head
