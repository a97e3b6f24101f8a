#pragma once

#include <string_view>
#include <vector>

#include "system/system.h"

namespace mangrove {

/// Whether root runs a process with this name (comm of proc(5)) now. One of a container does not count, nor
/// one that has ended: anybody can have such a name.
bool does_root_run(System& system, std::string_view name);

/// Returns the processes of root with this name, in whatever part of the tree; not those of a container that
/// has processes of its own.
std::vector<int> processes_of_root(System& system, std::string_view name);

} // namespace mangrove
