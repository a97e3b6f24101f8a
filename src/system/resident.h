#pragma once

#include <functional>
#include <string>

namespace mangrove {

class System;

/// A process that goes on beside the real root for as long as the machine runs.
struct Resident {
    std::string name; ///< for the log
    /// Gets a system of its own. When it returns, its work is done for good.
    std::function<void(System&)> run;
    bool outlives_root = false; ///< goes on when another root takes the place of this one
};

/// How a resident's process ended.
struct ResidentEnd {
    int process = 0;
    std::string failure = {}; ///< "signal 9"; empty when its work is done
};

/// The name of these processes (comm of proc(5)).
inline constexpr const char* kKeeperName = "mangrove-keeper";

} // namespace mangrove
