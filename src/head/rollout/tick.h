#pragma once

#include "head/rollout/records.h"

namespace mangrove::head {

/// Rollouts are decided by pure functions over records, so that a head node can die at any moment:
///
///   load_records()            when the daemon starts, or where a record was changed meanwhile
///   advance() and tick()      every few seconds; commit() the step, and then take its actions
///   on_event()                when a node or an action tells something; commit() the node, and then answer a
///                             script with serve()
///   operate(), start_rollout()  for operators (operate.h)
///
/// transitions.cpp has the table of a node's states, slots.h the waves and slots, and this file the rest.

/// Decides what happens next in all rollouts: which nodes begin, whose time is over, when a rollout stops.
/// A pure function: after a crash, the same records give the same step again. Call it with one tick of the
/// clock at least every 30 s, and after events.
RolloutStep tick(const Records& records, Moment now);

} // namespace mangrove::head
