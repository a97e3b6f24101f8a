#pragma once

#include <string_view>

#include "system/system.h"

namespace mangrove {

/// Whether root runs a process with this name (comm of proc(5)) now. One of a container does not count, nor
/// one that has ended: anybody can have such a name.
bool does_root_run(System& system, std::string_view name);

} // namespace mangrove
