#pragma once

#include <chrono>

namespace mangrove {

using Clock = std::chrono::steady_clock;
using Time = Clock::time_point;
using Deadline = Clock::time_point;
using WallTime = std::chrono::sys_seconds;
using std::chrono::milliseconds;
using std::chrono::seconds;

/// For reports: three digits after the point are what the clock of an emulated machine is good for.
inline double in_seconds(Clock::duration duration) {
    return static_cast<double>(std::chrono::duration_cast<milliseconds>(duration).count()) / 1000;
}

} // namespace mangrove
