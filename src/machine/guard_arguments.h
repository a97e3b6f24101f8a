#pragma once

#include <optional>

#include "system/system.h"

namespace mangrove {

/// The arguments `mangrove.watchdog=` and `mangrove.probation=`, by which a machine is ended that hangs, or
/// that nobody can reach.
struct GuardArguments {
    std::optional<seconds> watchdog = {}; ///< the timeout of the hardware watchdog; nothing: it is left alone
    std::optional<seconds> probation =
        {}; ///< a machine that does not reach its head node for so long restarts
    bool is_watched_on_probation = false; ///< the watchdog is there for the probation, and ends with it
};

/// Reads them by read_arguments(). A value that makes no sense draws a warning and counts as missing.
GuardArguments guard_arguments(System& system);

} // namespace mangrove
