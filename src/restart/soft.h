#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "boot/provision.h"
#include "restart/plan.h"
#include "system/linux/program.h"
#include "system/system.h"

namespace mangrove {

/// Runs a program of the running system, as run_program does.
using Run = std::function<EndedProgram(const std::vector<std::string>& words)>;

/// Returns the version in the output of `systemctl --version`: "systemd 257 (257.7-1)".
std::optional<unsigned> systemd_version(std::string_view output);

/// Checks that a root of this definition can take the place of a running one: it is systemd's, and nothing of
/// it is written to by both.
Result<> check_definition(const definition::Definition& definition);

/// Assembles the root of the plan beside the running one, and has systemd start from it again without a
/// kernel (systemd-soft-reboot.service(8)). The connections of the running root are handed back after that.
/// An error is a refusal: nothing has changed then.
Result<> restart_softly(System& system, const Plan& plan, const Run& run);

} // namespace mangrove
