#pragma once

#include "base/result.h"
#include "root/root.h"
#include "system/system.h"

namespace mangrove {

/// The action when no definition could be booted (`mangrove.on_failure=`).
enum class OnFailure { reboot, poweroff, halt, shell };

/// The last step of a boot, with the assembled root: `switch_root` or `leave_root`.
using Ending = Result<> (*)(System& system, Root& root);

/// Boots the first definition that can be booted, as the kernel command line says; fails only when none can.
/// Retries transient failures with backoff, after rolling back.
Result<> boot(System& system, Ending ending);

Result<OnFailure> on_failure(System& system);

} // namespace mangrove
