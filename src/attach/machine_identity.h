#pragma once

#include <string>

#include "base/result.h"
#include "system/system.h"

namespace mangrove {

/// The UUID of the machine (SMBIOS) in lower case; empty where its maker set none or a filler.
std::string machine_uuid(System& system);

/// The address of the first card that is no virtual interface as twelve digits; empty if there is none.
Result<std::string> first_hardware_address(System& system);

} // namespace mangrove
