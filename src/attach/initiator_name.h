#pragma once

#include <string>

#include "base/result.h"
#include "system/system.h"

namespace mangrove {

/// Returns a name that is unique to this machine and the same at every boot: "iqn.2026-11.org.mangrove:" and
/// the UUID of the mainboard, else the address of the first network card. Two initiators with one name would
/// throw each other out of the target. Logs it once, so that an ACL can be written.
Result<std::string> default_initiator_name(System& system);

} // namespace mangrove
