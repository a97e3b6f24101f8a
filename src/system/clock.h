#pragma once

#include <chrono>

namespace mangrove {

using Clock = std::chrono::steady_clock;
using Time = Clock::time_point;
using Deadline = Clock::time_point;
using WallTime = std::chrono::sys_seconds;
using std::chrono::milliseconds;
using std::chrono::seconds;

} // namespace mangrove
