#pragma once

#include "system/clock.h"

namespace mangrove {

/// Returns the date of the source that this program was built from: no correct clock can be before it.
WallTime build_time();

} // namespace mangrove
