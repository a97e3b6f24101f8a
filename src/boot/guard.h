#pragma once

#include "boot/boot.h"

namespace mangrove {

/// Where the kernel command line asks for it, starts a process that pets the hardware watchdog while /init
/// makes progress, and restarts a machine that is not up at the end of its probation.
void start_guard(Boot& boot);
/// Ends that process. The watchdog goes on ticking, for whoever takes it over.
void end_guard(Boot& boot);
/// Ends it with the watchdog, for a machine that is to stay as it is.
void give_up_guard(Boot& boot);

/// The process's work.
void guard_boot(System& system);

} // namespace mangrove
