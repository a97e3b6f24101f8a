#pragma once

#include <optional>

#include "definition/definition.h"
#include "net/bring_up.h"
#include "system/system.h"

namespace mangrove {

/// Returns the definition's `files` with this node's values for its placeholders; nothing when it has none,
/// or when something is missing, which is logged: the boot does not depend on it.
std::optional<definition::Files> files_of_node(System& system, const definition::Definition& definition,
                                               const std::optional<NetworkConfiguration>& network);

/// Installs a unit that keeps files of the running node as their server has them (docs/files.md).
Result<> install_files_unit(System& system, const definition::Files& files);

} // namespace mangrove
