#pragma once

#include <string>

#include "base/result.h"
#include "system/system.h"

namespace mangrove {

/// Checks that execve(2) can start the program `command` in the tree `root`, as far as the file itself says:
/// a program is for this CPU and its interpreter exists (ELF's PT_INTERP, a script's first line).
Result<> check_command(System& system, const std::string& root, const std::string& command);

} // namespace mangrove
