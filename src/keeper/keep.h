#pragma once

#include <string>

#include "system/charge.h"
#include "system/system.h"

namespace mangrove {

/// Watches the charge until `end` and writes its state to `state_path`, every few seconds while all is well.
/// Keeps looking for a charge that the kernel no longer reports.
void keep(System& system, Charge& charge, const std::string& state_path, Deadline end = Deadline::max());

} // namespace mangrove
