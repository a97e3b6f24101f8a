#pragma once

#include "base/result.h"
#include "iscsi/session.h"
#include "system/system.h"

namespace mangrove::iscsi {

/// The target that the portals of `wanted` offer, for one that names none: `wanted` with its name, and with
/// the portals that it is offered at before those of the definition. An error that lists them when there are
/// several, or when there is none.
Result<LoginTarget> discover_target(System& system, const LoginTarget& wanted);

} // namespace mangrove::iscsi
