#pragma once

#include <string>

#include "system/system.h"

namespace mangrove {

/// Returns the id of this boot: the kernel's, unless systemd has started again without a kernel since.
Result<std::string> boot_id(System& system);

/// Returns a new id (a UUID of version 4, RFC 9562).
Result<std::string> new_boot_id(System& system);

} // namespace mangrove
