#pragma once

#include <algorithm>
#include <cstdint>

namespace mangrove::head {

/// A moment on both clocks. `up` counts only the seconds in which the head node served, from 1 on; deadlines
/// are measured on it. `wall` is seconds since 1970, UTC: for windows and for people.
struct Moment {
    int64_t up = 1;
    int64_t wall = 0;
};

/// Longer gaps between two ticks do not count: the head node was down, or its clock was set.
inline constexpr int64_t kLongestGap = 30;

/// The record `clock/rollouts`: the moment of the last tick.
inline Moment advance(const Moment& last, int64_t wall) {
    int64_t gap = wall - last.wall;
    return {.up = last.up + (gap > 0 && gap <= kLongestGap ? gap : 0), .wall = wall};
}

} // namespace mangrove::head
