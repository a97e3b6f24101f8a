#pragma once

#include "base/result.h"
#include "iscsi/session.h"
#include "system/system.h"

namespace mangrove::iscsi {

/// Returns `wanted` with the name of the only target that its portals offer, and with that target's portals
/// before those of the definition. Fails when there are several (and lists them) or none.
Result<LoginTarget> discover_target(System& system, const LoginTarget& wanted);

} // namespace mangrove::iscsi
