#pragma once

#include <vector>

#include "base/result.h"
#include "system/system.h"

namespace mangrove {

/// Starts a process beside the root that starts one for each resident, and starts it again when it dies.
Result<> start_residents(System& system, const std::vector<Resident>& residents);

} // namespace mangrove
