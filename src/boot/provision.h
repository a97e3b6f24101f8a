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

/// Assembles the root of the definition that a source (a value of `mangrove.definition=`) gives, once,
/// without its fallbacks, if `check` has nothing against the definition. For a machine that runs already:
/// the policy of its initramfs holds for this definition, too.
using Check = Result<> (*)(const definition::Definition& definition);
Result<Root> provision_once(Boot& boot, const std::string& source, Check check);

/// Refuses a source whose definition the initramfs of this running machine would not have taken for want of
/// a signature. Where that took any, the source is not asked.
Result<> check_trust(Boot& boot, const std::string& source);

Result<OnFailure> on_failure(System& system);

} // namespace mangrove
