#pragma once

#include <string_view>

#include "system/system.h"

namespace mangrove {

/// Whether a process with this name (comm of proc(5)) is there now.
bool is_process_running(System& system, std::string_view name);

} // namespace mangrove
