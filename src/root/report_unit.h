#pragma once

#include <optional>
#include <string>

#include "definition/definition.h"
#include "net/bring_up.h"
#include "system/system.h"

namespace mangrove {

/// Returns the definition's `report` with this node's values for its placeholders; nothing when it has none,
/// or when something is missing, which is logged: the boot does not depend on it.
std::optional<definition::Report> report_of_node(System& system, const definition::Definition& definition,
                                                 const std::optional<NetworkConfiguration>& network);

/// Installs a unit that posts the report when systemd has reached multi-user.target.
Result<> install_report_unit(System& system, const definition::Report& report);

} // namespace mangrove
