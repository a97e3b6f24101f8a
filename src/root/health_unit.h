#pragma once

#include <optional>

#include "definition/definition.h"
#include "net/bring_up.h"
#include "system/system.h"

namespace mangrove {

/// Returns the definition's `health` with this node's values for its placeholders; nothing when it has none,
/// or when something is missing, which is logged: the boot does not depend on it.
std::optional<definition::Health> health_of_node(System& system, const definition::Definition& definition,
                                                 const std::optional<NetworkConfiguration>& network);

/// Installs a unit that posts the health of the running node (docs/report.md).
Result<> install_health_unit(System& system, const definition::Health& health);

} // namespace mangrove
