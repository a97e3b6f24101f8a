#pragma once

#include <string>

#include "system/system.h"

namespace mangrove {

/// What tells this machine apart from every other, the same at every boot.
struct MachineIdentity {
    std::string text;        ///< lower case; empty if the machine has nothing of the kind
    std::string_view origin; ///< completes "from its …": "UUID" or "network card"
};

/// The UUID of the mainboard, where its maker has set one, else the digits of the address of the first
/// network card that is no virtual interface.
Result<MachineIdentity> machine_identity(System& system);

} // namespace mangrove
