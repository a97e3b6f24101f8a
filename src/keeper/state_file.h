#pragma once

#include <string>

#include "base/json.h"
#include "system/system.h"

namespace mangrove {

/// Adds the process number and writes the state of one watched object (docs/keeper.md). Logs a failure.
void write_state_file(System& system, const std::string& path, const Json& state);

} // namespace mangrove
