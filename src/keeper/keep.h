#pragma once

#include <string>

#include "system/charge.h"
#include "system/system.h"

namespace mangrove {

/// Looks after the charge until `end` and writes its state to `state_path`, every few seconds while all is
/// well. A charge that the kernel does not tell of any more is looked for again and again.
void keep(System& system, Charge& charge, const std::string& state_path, Deadline end = Deadline::max());

} // namespace mangrove
