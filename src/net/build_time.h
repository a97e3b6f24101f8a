#pragma once

#include "system/clock.h"

namespace mangrove {

/// The date of the source that this program was built from: no clock that is right can be before it.
WallTime build_time();

} // namespace mangrove
