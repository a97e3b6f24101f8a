#pragma once

#include <string>

#include "system/charge.h"
#include "system/system.h"

namespace mangrove {

/// Looks after the charge and writes its state to `state_path`. Returns only when the charge is not there any
/// more.
void keep(System& system, Charge& charge, const std::string& state_path);

} // namespace mangrove
