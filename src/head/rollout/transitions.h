#pragma once

#include <string>
#include <string_view>

#include "head/rollout/head_clock.h"
#include "head/rollout/node_state.h"
#include "head/rollout/rollout.h"

namespace mangrove::head {

/// An event of one node that comes from outside.
struct NodeEvent {
    enum class Kind {
        script,         ///< the node fetches its boot script; record the new state before serve() answers
        definition,     ///< the node fetches the definition of `release`
        report,         ///< of a boot: `release`, `boot_id`, `is_fallback`
        health,         ///< `boot_id`, `is_healthy`, `why`
        off,            ///< the node is switched off
        drained,        ///< the action `drain` has ended
        refused,        ///< the scheduler does not give the node; `why`
        restarted,      ///< the action `restart` or `power_cycle` was done; `why`: by the firmware after all
        restart_failed, ///< `why`
        resumed,        ///< the action `resume` was done
        hindered,       ///< an action is not done yet; `why`
    };

    Kind kind;
    std::string release = {}; ///< empty: the boot was of no release
    std::string boot_id = {};
    bool is_fallback = false; ///< the definition's fallback was booted
    bool is_healthy = false;
    std::string why = {};
};

/// Everything that can happen to a node: the events, what the controller decides (tick.h) and what
/// operators say.
enum class Cue {
    script,
    target_fetched,     ///< the definition of the target, by a restart without firmware
    committed_fetched,  ///< the same of the committed release
    reported_target,    ///< never a fallback
    reported_committed, ///< never a fallback
    reported_other,     ///< another release, or a fallback
    healthy,
    unhealthy,
    off,
    drained,
    refused,
    restarted,
    restart_failed,
    resumed,
    hindered,
    slot,      ///< the node may begin
    recall,    ///< no node may begin any more: the window has closed, or the rollout is paused
    release,   ///< the rollout was aborted
    turn_back, ///< the rollout brings its nodes back
    breaker,   ///< committed releases fail, too
    deadline,  ///< has passed
    soak_ended,
    retry,
};

/// All that a transition depends on beside the node.
struct Situation {
    const Rollout& rollout;
    Moment now;
    bool may_begin = false; ///< a waiting node may begin with this script
    std::string why = {};   ///< of the event
};

/// Returns the node after a cue; the same where the table (transitions.cpp) has no row for it.
NodeState transition(const NodeState& node, Cue cue, const Situation& situation);

/// Returns the node after an event; the same after events that are repeated, late or of another boot.
/// Scripts that are fetched within 20 s are one boot.
NodeState on_event(const NodeState& node, const NodeEvent& event, const Situation& situation);

/// Returns the release that a node boots now; empty: it has none. Where the state after the event `script`
/// cannot be recorded, serve the committed release.
const std::string& serve(const NodeState& node);

} // namespace mangrove::head
