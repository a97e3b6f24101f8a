#include "head/rollout/transitions.h"

#include <algorithm>
#include <utility>

namespace mangrove::head {

namespace {

constexpr int64_t kOneBoot = 20;  ///< seconds in which scripts are of one boot
constexpr int64_t kSilence = 300; ///< seconds after the soak without a post of health
constexpr int64_t kAside = 600;   ///< seconds until a node is asked for again that the scheduler did not give
constexpr size_t kMostBoots = 8;
constexpr size_t kLongestReason = 500;

// Conditions.

using Condition = bool (*)(const NodeState& node, const Situation& situation);

bool always(const NodeState& /*node*/, const Situation& /*situation*/) {
    return true;
}
bool may_begin(const NodeState& node, const Situation& situation) {
    return situation.may_begin && !node.rejects(node.target);
}
bool is_turning_back(const NodeState& node, const Situation& /*situation*/) {
    return node.rejects(node.target);
}
bool needs_drain(const NodeState& /*node*/, const Situation& situation) {
    return !situation.rollout.policy.drain.empty();
}
bool is_untried(const NodeState& node, const Situation& /*situation*/) {
    return node.tries == 0;
}
bool has_tries(const NodeState& node, const Situation& situation) {
    return node.tries < situation.rollout.policy.tries;
}
bool is_broken(const NodeState& /*node*/, const Situation& situation) {
    return situation.rollout.is_broken;
}
bool has_power(const NodeState& node, const Situation& /*situation*/) {
    return node.has_bmc && !node.is_by_power;
}
bool has_power_and_tries(const NodeState& node, const Situation& situation) {
    return has_power(node, situation) && has_tries(node, situation);
}
bool needs_no_health(const NodeState& /*node*/, const Situation& situation) {
    return !situation.rollout.policy.needs_health;
}
bool is_in_time(const NodeState& node, const Situation& situation) {
    return situation.now.up < node.deadline;
}
bool has_soaked(const NodeState& node, const Situation& situation) {
    return situation.now.up >= node.soak_until;
}
bool is_silent(const NodeState& node, const Situation& situation) {
    return situation.now.up >= node.soak_until + kSilence;
}
bool was_refused(const NodeState& /*node*/, const Situation& situation) {
    return !situation.why.empty();
}
bool was_moved(const NodeState& node, const Situation& /*situation*/) {
    return node.tries > 0 && node.committed == node.target;
}
bool rollout_reverts(const NodeState& /*node*/, const Situation& situation) {
    return situation.rollout.is_reverting;
}

// Effects.

using Effect = void (*)(NodeState& node, const Situation& situation);

void enter(NodeState& node, State state, const Situation& situation) {
    node.state = state;
    node.since = situation.now.wall;
    node.is_acted = false;
    node.is_by_power = false;
    node.note.clear();
}
void enter_until(NodeState& node, State state, const Situation& situation) {
    enter(node, state, situation);
    node.deadline = situation.now.up + situation.rollout.policy.deadline;
}
void settle(NodeState& node, State state, const Situation& situation) {
    enter(node, state, situation);
    node.deadline = 0;
    node.soak_until = 0;
}
void reject(NodeState& node) {
    if (!node.rejects(node.target)) node.rejected.push_back(node.target);
}
void forgive(NodeState& node) {
    std::erase(node.rejected, node.target);
}

void stay(NodeState& /*node*/, const Situation& /*situation*/) {}
void wait(NodeState& node, const Situation& situation) {
    settle(node, State::waiting, situation);
    node.tries = 0;
}
/// An operator decides what becomes of the work. Meanwhile others have the slot.
void wait_held(NodeState& node, const Situation& situation) {
    wait(node, situation);
    node.is_held = true;
}
void wait_off(NodeState& node, const Situation& situation) {
    wait(node, situation);
    node.is_off = true;
}
void note_off(NodeState& node, const Situation& /*situation*/) {
    node.is_off = true;
}
void wait_forgiven(NodeState& node, const Situation& situation) {
    forgive(node);
    wait(node, situation);
}
void wait_for_retry(NodeState& node, const Situation& situation) {
    if (!situation.rollout.is_reverting) forgive(node);
    node.is_forgiven = false;
    wait(node, situation);
}
std::string shortened(std::string words) {
    if (words.size() <= kLongestReason) return words;
    size_t end = kLongestReason;
    // Not within a character of UTF-8.
    while (end > 0 && (words[end] & 0xc0) == 0x80)
        --end;
    return words.substr(0, end);
}
void note(NodeState& node, const Situation& situation) {
    node.note = shortened(situation.why);
}
/// The reason stays that of its failure.
void note_failed_restart(NodeState& node, const Situation& situation) {
    node.note = shortened("the restart failed: " + situation.why);
}
/// Others get its slot meanwhile. What the scheduler did not give need not be given back.
void set_aside(NodeState& node, const Situation& situation) {
    wait(node, situation);
    note(node, situation);
    node.deadline = situation.now.up + kAside;
    node.drained_by.clear();
}
void end_aside(NodeState& node, const Situation& /*situation*/) {
    node.deadline = 0;
}
void drain(NodeState& node, const Situation& situation) {
    settle(node, State::draining, situation);
    int64_t deadline = situation.rollout.policy.drain_deadline;
    node.deadline = deadline > 0 ? situation.now.up + deadline : 0;
    node.drained_by = situation.rollout.policy.drain;
}
void restart(NodeState& node, const Situation& situation) {
    enter_until(node, State::restarting, situation);
}
void power_cycle(NodeState& node, const Situation& situation) {
    restart(node, situation);
    node.is_by_power = true;
}
void boot(NodeState& node, const Situation& situation) {
    enter_until(node, State::booting, situation);
    ++node.tries;
    node.soak_until = 0;
}
void come_up(NodeState& node, const Situation& situation) {
    enter_until(node, State::up, situation);
}
void back_to_up(NodeState& node, const Situation& situation) {
    enter(node, State::up, situation);
    node.soak_until = 0;
}
void soak(NodeState& node, const Situation& situation) {
    enter(node, State::soaking, situation);
    node.soak_until = situation.now.up + situation.rollout.policy.soak;
}
void come_up_and_soak(NodeState& node, const Situation& situation) {
    come_up(node, situation);
    soak(node, situation);
}
void commit(NodeState& node, const Situation& situation) {
    settle(node, State::committed, situation);
    node.previous = node.committed;
    node.committed = node.target;
    node.reason.clear();
}
void release(NodeState& node, const Situation& situation) {
    settle(node, State::committed, situation);
}
void revert(NodeState& node, const Situation& situation) {
    reject(node);
    enter_until(node, State::reverting, situation);
}
/// The node is booting already: it gets the committed release now.
void revert_at_once(NodeState& node, const Situation& situation) {
    revert(node, situation);
    node.is_acted = true;
}
void revert_by_power(NodeState& node, const Situation& situation) {
    revert(node, situation);
    node.is_by_power = true;
}
void note_action(NodeState& node, const Situation& /*situation*/) {
    node.is_acted = true;
    node.note.clear();
}
/// A node that assembled the target beside its running root, and could not start from it: it did not boot it.
void restart_again(NodeState& node, const Situation& situation) {
    restart(node, situation);
    node.is_acted = true;
    --node.tries;
    node.boot = {};
}
/// A node that fetches its script in a loop gets no more time by it.
void note_script(NodeState& node, const Situation& situation) {
    if (!node.is_acted) node.deadline = situation.now.up + situation.rollout.policy.deadline;
    node.is_acted = true;
}
void be_reverted(NodeState& node, const Situation& situation) {
    reject(node);
    settle(node, State::reverted, situation);
}
void lose(NodeState& node, const Situation& situation) {
    settle(node, State::lost, situation);
}
/// Brings a node back that was committed: from here on, each boot of it is one of the earlier release.
void turn_back(NodeState& node, const Situation& situation) {
    reject(node);
    wait(node, situation);
    node.committed = std::exchange(node.previous, "");
}
void note_resumed(NodeState& node, const Situation& /*situation*/) {
    node.drained_by.clear();
    node.note.clear();
}

/// Of the rows for a state and a cue, the first whose condition holds counts.
struct Row {
    State state;
    Cue cue;
    Condition condition;
    Effect effect;
    const char* reason = nullptr; ///< why the node failed; the event's own reason follows it
};

using enum State;

constexpr const char* kOther = "booted another release";
constexpr const char* kAgain = "restarted before it was committed";
constexpr const char* kNoReport = "did not report in time";
constexpr const char* kUnhealthy = "not healthy in time";
constexpr const char* kBusy = "its work did not end in time; rollout unhold lets it begin again";
constexpr const char* kNoRestart = "did not restart in time";
constexpr const char* kNotBack = "did not come back with the committed release";
constexpr const char* kFirmware = "restarts through its firmware";
constexpr const char* kOperator = "the rollout reverts";

constexpr Row kTable[] = {
    {committed, Cue::turn_back, was_moved, turn_back, kOperator},
    {committed, Cue::resumed, always, note_resumed},
    {committed, Cue::hindered, always, note},
    {committed, Cue::off, always, note_off},

    {waiting, Cue::slot, needs_drain, drain},
    {waiting, Cue::slot, is_turning_back, revert},
    {waiting, Cue::slot, always, restart},
    {waiting, Cue::script, may_begin, boot},
    {waiting, Cue::reported_committed, is_turning_back, be_reverted},
    {waiting, Cue::off, always, note_off},
    {waiting, Cue::release, always, release},
    {waiting, Cue::turn_back, is_turning_back, stay},
    {waiting, Cue::turn_back, always, release},
    {waiting, Cue::resumed, always, note_resumed},
    {waiting, Cue::hindered, always, note},
    {waiting, Cue::deadline, always, end_aside},

    {draining, Cue::drained, is_turning_back, revert},
    {draining, Cue::drained, always, restart},
    {draining, Cue::refused, always, set_aside},
    {draining, Cue::hindered, always, note},
    {draining, Cue::script, is_turning_back, revert_at_once},
    {draining, Cue::script, always, boot},
    {draining, Cue::deadline, always, wait_held, kBusy},
    {draining, Cue::off, always, wait_off},
    {draining, Cue::recall, always, wait},
    {draining, Cue::release, always, release},
    {draining, Cue::turn_back, is_turning_back, stay},
    {draining, Cue::turn_back, always, release},

    {restarting, Cue::script, always, boot},
    {restarting, Cue::target_fetched, always, boot},
    {restarting, Cue::restarted, was_refused, note_action, kFirmware},
    {restarting, Cue::restarted, always, note_action},
    {restarting, Cue::restart_failed, has_power, power_cycle, "the restart failed"},
    {restarting, Cue::restart_failed, always, note_failed_restart},
    {restarting, Cue::hindered, always, note},
    {restarting, Cue::off, always, wait_off},
    {restarting, Cue::deadline, has_power, power_cycle, kNoRestart},
    {restarting, Cue::deadline, always, lose, kNoRestart},
    {restarting, Cue::release, is_untried, release},
    {restarting, Cue::turn_back, is_untried, release},
    {restarting, Cue::turn_back, always, revert, kOperator},

    {booting, Cue::script, has_tries, boot, kAgain},
    {booting, Cue::script, is_broken, wait, kAgain},
    {booting, Cue::script, always, revert_at_once, kAgain},
    {booting, Cue::reported_target, needs_no_health, come_up_and_soak},
    {booting, Cue::reported_target, always, come_up},
    {booting, Cue::reported_committed, has_tries, restart, kOther},
    {booting, Cue::reported_committed, is_broken, wait, kOther},
    {booting, Cue::reported_committed, always, be_reverted, kOther},
    {booting, Cue::reported_other, has_tries, restart, kOther},
    {booting, Cue::reported_other, is_broken, stay, kOther},
    {booting, Cue::reported_other, always, revert, kOther},
    {booting, Cue::restarted, was_refused, restart_again, kFirmware},
    {booting, Cue::deadline, has_power_and_tries, power_cycle, kNoReport},
    {booting, Cue::deadline, has_power, revert_by_power, kNoReport},
    {booting, Cue::deadline, always, lose, kNoReport},
    {booting, Cue::off, always, wait_off},
    {booting, Cue::turn_back, always, revert, kOperator},

    {up, Cue::healthy, always, soak},
    {up, Cue::unhealthy, always, stay, "unhealthy"},
    {up, Cue::script, has_tries, boot, kAgain},
    {up, Cue::script, is_broken, wait, kAgain},
    {up, Cue::script, always, revert_at_once, kAgain},
    {up, Cue::deadline, has_tries, restart, kUnhealthy},
    {up, Cue::deadline, always, revert, kUnhealthy},
    {up, Cue::off, always, wait_off},
    {up, Cue::turn_back, always, revert, kOperator},

    {soaking, Cue::healthy, has_soaked, commit},
    {soaking, Cue::unhealthy, is_in_time, back_to_up, "unhealthy"},
    {soaking, Cue::unhealthy, is_broken, back_to_up, "unhealthy"},
    {soaking, Cue::unhealthy, has_tries, restart, "unhealthy"},
    {soaking, Cue::unhealthy, always, revert, "unhealthy"},
    {soaking, Cue::script, has_tries, boot, kAgain},
    {soaking, Cue::script, is_broken, wait, kAgain},
    {soaking, Cue::script, always, revert_at_once, kAgain},
    {soaking, Cue::soak_ended, needs_no_health, commit},
    {soaking, Cue::soak_ended, is_silent, back_to_up, "posts its health no more"},
    {soaking, Cue::off, always, wait_off},
    {soaking, Cue::turn_back, always, revert, kOperator},

    {reverting, Cue::script, always, note_script},
    {reverting, Cue::committed_fetched, always, note_script},
    {reverting, Cue::reported_committed, always, be_reverted},
    {reverting, Cue::restarted, always, note_action},
    {reverting, Cue::restart_failed, has_power, revert_by_power},
    {reverting, Cue::restart_failed, always, note_failed_restart},
    {reverting, Cue::off, always, wait_off},
    {reverting, Cue::hindered, always, note},
    {reverting, Cue::breaker, rollout_reverts, wait},
    {reverting, Cue::breaker, always, wait_forgiven},
    {reverting, Cue::deadline, has_power, revert_by_power, kNotBack},
    {reverting, Cue::deadline, always, lose, kNotBack},

    {reverted, Cue::retry, always, wait_for_retry},
    {reverted, Cue::resumed, always, note_resumed},
    {reverted, Cue::hindered, always, note},
    {reverted, Cue::off, always, note_off},

    {lost, Cue::retry, always, wait_for_retry},
    {lost, Cue::off, always, note_off},
};

std::string reason_of(const Row& row, const Situation& situation) {
    std::string reason = row.reason;
    if (!situation.why.empty()) reason += ": " + situation.why;
    return shortened(std::move(reason));
}

Cue cue_of_report(const NodeState& node, const NodeEvent& event) {
    if (event.is_fallback) return Cue::reported_other;
    if (event.release == node.committed) return Cue::reported_committed;
    return event.release == node.target ? Cue::reported_target : Cue::reported_other;
}

/// Whether a report is of the boot that the node was served last. Only a new one is.
bool is_of_this_boot(const NodeState& node, const NodeEvent& event) {
    bool is_known = std::ranges::find(node.boots, event.boot_id) != node.boots.end();
    return node.boot.at > 0 && !node.boot.is_reported && !is_known;
}

/// Notes that a script was served.
void open_boot(NodeState& node, const NodeState& before, const Situation& situation) {
    const std::string& served = serve(node);
    bool is_next = before.boot.at > 0 && !before.boot.is_reported && before.boot.release == served;
    node.boot = {.release = served,
                 .at = situation.now.up,
                 .failures = is_next ? before.boot.failures + 1 : 0,
                 .is_reported = false};
    node.is_off = false;
}

NodeState on_script(const NodeState& node, const Situation& situation) {
    bool is_repeated = node.boot.at > 0 && !node.boot.is_reported && node.boot.release == serve(node)
                       && situation.now.up - node.boot.at < kOneBoot;
    if (is_repeated && node.state != State::restarting && node.state != State::draining) return node;
    NodeState after = transition(node, Cue::script, situation);
    open_boot(after, node, situation);
    return after;
}

NodeState on_definition(const NodeState& node, const NodeEvent& event, const Situation& situation) {
    bool is_target = node.state == State::restarting && event.release == node.target;
    bool is_committed = node.state == State::reverting && event.release == node.committed
                        && node.boot.release != node.committed;
    if (!is_target && !is_committed) return node;
    NodeState after = transition(node, is_target ? Cue::target_fetched : Cue::committed_fetched, situation);
    open_boot(after, node, situation);
    return after;
}

NodeState on_report(const NodeState& node, const NodeEvent& event, Situation situation) {
    if (!is_of_this_boot(node, event)) return node;
    if (situation.why.empty()) situation.why = event.is_fallback ? "a fallback" : event.release;
    NodeState after = transition(node, cue_of_report(node, event), situation);
    after.running = event.is_fallback ? "" : event.release;
    after.boots.push_back(event.boot_id);
    if (after.boots.size() > kMostBoots) after.boots.erase(after.boots.begin());
    after.is_off = false;
    // A late report of an earlier boot must not hide the one that is awaited.
    if (!event.is_fallback && event.release == after.boot.release) after.boot.is_reported = true;
    return after;
}

NodeState on_health(const NodeState& node, const NodeEvent& event, const Situation& situation) {
    if (node.boots.empty() || node.boots.back() != event.boot_id) return node;
    return transition(node, event.is_healthy ? Cue::healthy : Cue::unhealthy, situation);
}

} // namespace

NodeState transition(const NodeState& node, Cue cue, const Situation& situation) {
    for (const Row& row : kTable) {
        if (row.state != node.state || row.cue != cue || !row.condition(node, situation)) continue;
        NodeState after = node;
        row.effect(after, situation);
        if (row.reason) after.reason = reason_of(row, situation);
        return after;
    }
    return node;
}

NodeState on_event(const NodeState& node, const NodeEvent& event, const Situation& given) {
    Situation situation = given;
    situation.why = event.why;
    switch (event.kind) {
    case NodeEvent::Kind::script:
        return on_script(node, situation);
    case NodeEvent::Kind::definition:
        return on_definition(node, event, situation);
    case NodeEvent::Kind::report:
        return on_report(node, event, situation);
    case NodeEvent::Kind::health:
        return on_health(node, event, situation);
    case NodeEvent::Kind::off:
        return transition(node, Cue::off, situation);
    case NodeEvent::Kind::drained:
        return transition(node, Cue::drained, situation);
    case NodeEvent::Kind::restarted:
        return transition(node, Cue::restarted, situation);
    case NodeEvent::Kind::restart_failed:
        return transition(node, Cue::restart_failed, situation);
    case NodeEvent::Kind::resumed:
        return transition(node, Cue::resumed, situation);
    case NodeEvent::Kind::refused:
        return transition(node, Cue::refused, situation);
    case NodeEvent::Kind::hindered:
        return transition(node, Cue::hindered, situation);
    }
    return node;
}

const std::string& serve(const NodeState& node) {
    bool is_served = node.state == State::booting || node.state == State::up || node.state == State::soaking;
    return is_served && !node.rejects(node.target) ? node.target : node.committed;
}

} // namespace mangrove::head
