#pragma once

#include "restart/plan.h"
#include "restart/soft.h"

namespace mangrove {

/// Loads the kernel and the initramfs of the plan into memory, and has systemd shut down and start that
/// kernel without the firmware. An error is a refusal: nothing has changed then.
Result<> restart_by_kexec(System& system, const Plan& plan, const Run& run);

} // namespace mangrove
