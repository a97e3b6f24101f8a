#pragma once

#include <optional>
#include <string>

#include "keeper/shutdown.h"
#include "system/charge.h"
#include "system/system.h"

namespace mangrove {

/// Looks after the charge and writes its state to `state_path`. Returns only when the charge is not there any
/// more, or with the way in which the machine is to end although the connection is lost.
std::optional<MachineEnd> keep(System& system, Charge& charge, const std::string& state_path);

} // namespace mangrove
