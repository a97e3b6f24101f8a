#pragma once

#include <string>

#include "base/result.h"
#include "system/system.h"

namespace mangrove {

/// A name for this machine and no other, the same at every boot: "iqn.2026-11.org.mangrove:" and the UUID of
/// the mainboard, else the address of the first network card. Two initiators with one name would throw each
/// other out of the target. Says it once in a notice, so that an ACL can be written.
Result<std::string> default_initiator_name(System& system);

} // namespace mangrove
