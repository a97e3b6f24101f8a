#pragma once

#include <string>

#include "base/undo.h"
#include "system/system.h"

namespace mangrove {

/// Moves a file or link of /run below kEarlierDirectory. Returns false where there is none.
Result<bool> set_aside(System& system, const std::string& path);

/// As above, for a path that gets another file, or none. `undo` brings back what was there.
Result<> set_aside(System& system, const std::string& path, Undo& undo);

} // namespace mangrove
