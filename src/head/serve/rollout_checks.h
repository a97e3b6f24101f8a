#pragma once

#include "head/host/directories.h"
#include "head/nodes/inventory.h"
#include "head/rollout/operate.h"
#include "head/rollout/release.h"
#include "head/serve/signed_definition.h"

namespace mangrove::head {

/// Nodes that keep what is written to their root: the earlier release would find what the new one wrote.
enum class Stateful { is_refused, is_taken };

/// Checks before a rollout starts that its nodes can boot the release, take its definition, tell that they
/// are healthy, and go back to what they had. `signed_definition`: of the release; nullptr: it is not signed.
/// The errors name the nodes.
Result<> check_rollout(const Directories& directories, const Inventory& inventory, const Release& release,
                       const SignedDefinition* signed_definition, const RolloutRequest& request,
                       Stateful stateful);

} // namespace mangrove::head
