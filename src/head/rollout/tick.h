#pragma once

#include "head/rollout/records.h"

namespace mangrove::head {

/// Decides what happens next in all rollouts: which nodes begin, whose time is over, when a rollout stops.
/// A pure function: after a crash, the same records give the same step again. Call it with one tick of the
/// clock at least every 30 s, and after events.
Step tick(const Records& records, Moment now);

} // namespace mangrove::head
