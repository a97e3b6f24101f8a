#pragma once

#include <memory>

#include "system/ranges.h"

namespace mangrove {

/// libcurl, which must have been started.
std::unique_ptr<Ranges> open_linux_ranges();

} // namespace mangrove
