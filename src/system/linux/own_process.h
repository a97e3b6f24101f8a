#pragma once

#include "system/system.h"

namespace mangrove {

/// Makes this process, which was forked just now, one that systemd lets live: out of the unit that started
/// it, marked with '@', without a console. It logs to the kernel.
void become_own_process(System& system);

} // namespace mangrove
