#pragma once

#include "base/result.h"
#include "boot/boot.h"
#include "root/root.h"

namespace mangrove {

/// The action when no definition could be booted (`mangrove.on_failure=`).
enum class OnFailure { reboot, poweroff, halt, shell };

/// The last step of a boot, with the assembled root: `switch_root` or `leave_root`.
using Ending = Result<> (*)(Boot& boot, Root& root);

/// Boots the first definition that can be booted, as the kernel command line says; fails only when none can.
/// Retries transient failures with backoff, after rolling back.
Result<> run_boot(Boot& boot, Ending ending);

Result<OnFailure> on_failure(System& system);

} // namespace mangrove
