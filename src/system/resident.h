#pragma once

#include <functional>
#include <string>
#include <vector>

namespace mangrove {

class System;

/// A process that goes on beside the real root for as long as the machine runs.
struct Resident {
    std::string name; ///< for the log
    /// Gets a system of its own. When it returns, its work is done for good.
    std::function<void(System&)> run;
    bool outlives_root = false;        ///< goes on when another root takes the place of this one
    std::vector<int> descriptors = {}; ///< that its process keeps open
    /// It does not stay stopped: systemd stops all processes for a moment before it kills them (SIGSTOP), and
    /// could read then from what only this one can give it.
    bool goes_on_when_stopped = false;
};

/// How a resident's process ended.
struct ResidentEnd {
    int process = 0;
    std::string failure = {}; ///< "signal 9"; empty when its work is done
};

/// The name of these processes (comm of proc(5)).
inline constexpr const char* kKeeperName = "mangrove-keeper";

} // namespace mangrove
