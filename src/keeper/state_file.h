#pragma once

#include <string>

#include "base/json.h"
#include "system/system.h"

namespace mangrove {

/// Adds who writes it and writes the state of one thing that is looked after (docs/keeper.md). One that
/// cannot be written is said on the log.
void write_state_file(System& system, const std::string& path, const Json& state);

} // namespace mangrove
