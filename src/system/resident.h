#pragma once

#include <functional>
#include <string>
#include <vector>

#include "base/result.h"

namespace mangrove {

class System;

/// What goes on beside the real root, for as long as the machine runs.
struct Resident {
    std::string name; ///< for the log
    /// Gets a system of its own. When it returns, its work is done for good.
    std::function<void(System&)> run;
};

/// The name of these processes (comm of proc(5)).
inline constexpr const char* kKeeperName = "mangrove-keeper";

/// Starts a process that starts one for each resident, and again when one dies. They see /sys, /proc and
/// /run, but nothing of the root that is switched to; they are locked in memory and marked with '@', so that
/// systemd lets them live (systemd's ROOT_STORAGE_DAEMONS). Returns when all this has come about.
Result<> start_resident_processes(const std::vector<Resident>& residents);

} // namespace mangrove
