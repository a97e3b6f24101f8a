#pragma once

#include <string>
#include <string_view>

#include "system/system.h"

namespace mangrove {

/// Identifies this machine, the same at every boot.
struct MachineIdentity {
    std::string text;        ///< lower case; empty if the machine has nothing of the kind
    std::string_view origin; ///< completes "from its …": "UUID" or "network card"

    /// `text` as a UUID: an address becomes the node field of one of version 8 (RFC 9562, 5.8).
    std::string to_uuid() const;
};

/// The UUID of the mainboard, where its maker has set one, else the digits of the address of the first
/// network card that is no virtual interface. `mangrove.identity=mac` skips the UUID.
Result<MachineIdentity> machine_identity(System& system);

/// The UUID of the mainboard, in lower case; empty where its maker has set none.
std::string machine_uuid(System& system);

/// Whether a UUID in lower case can be that of one machine only: not a placeholder that many mainboards have.
bool is_unique_uuid(std::string_view uuid);

} // namespace mangrove
