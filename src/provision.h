#pragma once

#include "base/result.h"
#include "system/system.h"

namespace mangrove {

/// What is done when no definition could be booted (`mangrove.on_failure=`).
enum class OnFailure { reboot, poweroff, halt, shell };

/// Boots the first definition that can be booted, as the kernel command line says; returns only when none
/// can. Transient failures are tried again with backoff; whatever was attached is taken back before.
Result<> boot(System& system);

Result<OnFailure> on_failure(System& system);

} // namespace mangrove
