#pragma once

#include "base/result.h"
#include "root/root.h"
#include "system/system.h"

namespace mangrove {

/// What is done when no definition could be booted (`mangrove.on_failure=`).
enum class OnFailure { reboot, poweroff, halt, shell };

/// What a boot ends with once its root is assembled and handed over: `switch_root` or `leave_root`.
using Ending = Result<> (*)(System& system, Root& root);

/// Boots the first definition that can be booted, as the kernel command line says; fails only when none can.
/// Transient failures are tried again with backoff; whatever was attached is taken back before.
Result<> boot(System& system, Ending ending);

Result<OnFailure> on_failure(System& system);

} // namespace mangrove
