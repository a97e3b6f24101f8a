#include "head/rollout/tick.h"

#include <algorithm>
#include <set>

#include "head/rollout/driver.h"
#include "head/rollout/slots.h"

namespace mangrove::head {

namespace {

/// Nodes that one tick takes up or turns back, so that no transaction is too large.
constexpr size_t kMostAtOnce = 1000;
/// Fewer nodes that fail to boot a committed release do not trip the breaker.
constexpr size_t kLeastForBreaker = 2;
/// Boots that fail in a row, without a report, until the release counts as one that does not boot.
constexpr uint32_t kFailedBoots = 2;

/// How boots of committed releases went lately.
struct Evidence {
    size_t failed = 0;
    size_t good = 0;

    bool trips() const { return failed >= kLeastForBreaker && failed > good; }
};

Evidence evidence_of(const Records& records, const Rollout& rollout, Moment now) {
    int64_t deadline = rollout.policy.deadline;
    int64_t since = std::max(rollout.resumed_at, now.up - 3 * deadline);
    Evidence evidence;
    for (const auto& [name, node] : records.nodes) {
        const Boot& boot = node.boot;
        if (boot.at == 0 || boot.at < since || boot.release != node.committed || node.is_off) continue;
        if (boot.is_reported)
            ++evidence.good;
        else if (boot.failures >= kFailedBoots || now.up - boot.at >= deadline)
            ++evidence.failed;
    }
    return evidence;
}

/// One rollout in one tick.
class RolloutTick {
  public:
    RolloutTick(const Records& records, const Rollout& rollout, Moment now, RolloutStep& step)
        : records_(records), rollout_(rollout), before_(rollout), now_(now), step_(step),
          members_(members_of(records, rollout)) {}

    void run() {
        take_up();
        check_breaker();
        pass_time();
        judge();
        turn_back();
        recall();
        give_slots();
        finish();
        write();
    }

  private:
    /// Takes up the nodes that no rollout has under way.
    void take_up() {
        if (has_ended(rollout_) || rollout_.is_reverting) return;
        size_t left = kMostAtOnce;
        for (size_t i = 0; i < members_.size() && left > 0; ++i) {
            if (members_[i]) continue;
            const NodeState* known = records_.find(rollout_.nodes[i].node);
            if (known && !is_free(*known)) continue;
            replace(i, taken_up(known ? *known : NodeState{}, rollout_.nodes[i]));
            --left;
        }
    }

    /// Its rollout has ended, and the scheduler has it back.
    bool is_free(const NodeState& node) const {
        const Rollout* other = records_.rollout_of(node);
        bool is_drained = !node.drained_by.empty() && node.state != State::lost;
        return is_settled(node.state) && !is_drained && (!other || has_ended(*other));
    }

    NodeState taken_up(NodeState node, const Member& member) const {
        node.node = member.node;
        node.place = member.place;
        node.has_bmc = member.has_bmc;
        node.rollout = rollout_.id;
        node.target = rollout_.release;
        node.tries = 0;
        node.reason.clear();
        node.since = now_.wall;
        node.is_forgiven = node.rejects(node.target);
        if (node.is_forgiven) node.reason = "the node rejected the release earlier; retry it to allow it";
        node.state = node.committed == node.target ? State::committed
                     : node.is_forgiven            ? State::reverted
                                                   : State::waiting;
        return node;
    }

    /// The image is not at fault when committed releases fail, too: pauses, and reverts nothing.
    void check_breaker() {
        if (rollout_.is_broken || has_ended(rollout_) || !has_trouble()) return;
        Evidence evidence = evidence_of(records_, rollout_, now_);
        if (!evidence.trips()) return;
        rollout_.is_broken = true;
        rollout_.status = Status::paused;
        rollout_.reason = text("breaker: ", evidence.failed,
                               " nodes do not boot their committed release either; check the servers, then "
                               "resume the rollout");
        for (size_t i = 0; i < members_.size(); ++i)
            pass(i, Cue::breaker);
    }

    bool has_trouble() const {
        return std::ranges::any_of(members_, [](const NodeState* node) {
            return node && (has_failed(*node) || (node->tries > 1 && !is_settled(node->state)));
        });
    }

    void pass_time() {
        if (rollout_.is_broken) return;
        for (size_t i = 0; i < members_.size(); ++i) {
            const NodeState* node = members_[i];
            if (!node || is_settled(node->state)) continue;
            if (node->state == State::soaking) {
                if (now_.up >= node->soak_until) pass(i, Cue::soak_ended);
            } else if (node->deadline > 0 && now_.up >= node->deadline) {
                pass(i, Cue::deadline);
            }
        }
    }

    /// Stops the rollout when a canary failed, or when more nodes failed than the budget has.
    void judge() {
        if (rollout_.is_reverting || rollout_.is_broken) return;
        if (rollout_.status == Status::running) check_budget();
        if (rollout_.status == Status::failing) check_proof();
    }

    void check_budget() {
        for (size_t i = 0; i < rollout_.canaries; ++i)
            if (const NodeState* canary = members_[i]; canary && has_failed(*canary))
                return stop(text("the canary ", canary->node, " failed: ", canary->reason));
        auto [tried, failed] = count_tried(members_);
        const Policy& policy = rollout_.policy;
        if (failed >= policy.budget_min && failed * 100 > policy.budget_percent * tried)
            stop(text(failed, " of ", tried, " nodes failed"));
    }

    void stop(const std::string& reason) {
        rollout_.status = rollout_.policy.on_failure == OnFailure::revert ? Status::failing : Status::paused;
        rollout_.reason = reason;
    }

    /// The rollout reverts only when a node that failed shows that the committed release still boots.
    void check_proof() {
        bool is_proven = false;
        for (const NodeState* node : members_) {
            if (!node || !has_failed(*node)) continue;
            if (node->state == State::reverting) return;
            is_proven = is_proven || node->state == State::reverted;
        }
        rollout_.is_reverting = is_proven;
        rollout_.status = is_proven ? Status::running : Status::paused;
        if (!is_proven) rollout_.reason += "; none of them came back with the committed release";
    }

    void turn_back() {
        if (!rollout_.is_reverting || has_ended(rollout_) || rollout_.is_broken) return;
        size_t left = kMostAtOnce;
        for (size_t i = 0; i < members_.size() && left > 0; ++i)
            if (pass(i, Cue::turn_back)) --left;
    }

    void recall() {
        bool is_aborted = rollout_.status == Status::aborted;
        if (!is_aborted && is_open(records_, rollout_, now_)) return;
        for (size_t i = 0; i < members_.size(); ++i)
            pass(i, is_aborted ? Cue::release : Cue::recall);
    }

    void give_slots() {
        // Without one who restarts nodes, they begin when they boot (may_begin_by_itself).
        bool has_driver = rollout_.policy.restart != "none" || !rollout_.policy.drain.empty();
        if (!has_driver || !is_open(records_, rollout_, now_)) return;
        Slots slots(rollout_, members_);
        size_t end = end_of_wave(rollout_, members_);
        for (size_t i = 0; i < end; ++i) {
            const NodeState* node = members_[i];
            bool is_ready = node && node->state == State::waiting && !is_out_of_reach(*node);
            if (is_ready && slots.has_room_for(*node) && pass(i, Cue::slot)) slots.take(*node);
        }
    }

    void finish() {
        if (rollout_.status != Status::running) return;
        bool is_done = std::ranges::all_of(members_, [&](const NodeState* node) {
            return node ? is_settled(node->state) : rollout_.is_reverting;
        });
        if (is_done) rollout_.status = Status::done;
    }

    bool pass(size_t index, Cue cue) {
        if (!members_[index]) return false;
        NodeState after = transition(*members_[index], cue, {.rollout = rollout_, .now = now_});
        if (after == *members_[index]) return false;
        replace(index, std::move(after));
        return true;
    }

    void replace(size_t index, NodeState node) {
        NodeState& kept = changed_[rollout_.nodes[index].node];
        kept = std::move(node);
        members_[index] = &kept;
    }

    void write() {
        for (auto& [name, node] : changed_)
            step_.nodes.push_back(node);
        if (rollout_ != before_) step_.rollouts.push_back(rollout_);
        for (const NodeState* node : members_)
            if (node) add_actions(*node);
    }

    void add_actions(const NodeState& node) {
        using Kind = Action::Kind;
        const Policy& policy = rollout_.policy;
        bool restarts = node.state == State::restarting || node.state == State::reverting;
        bool is_asked = restarts && !node.is_acted && !rollout_.is_broken;
        if (node.state == State::draining) add_action(node, Kind::drain, policy.drain);
        if (is_asked && node.is_by_power) add_action(node, Kind::power_cycle, "power");
        if (is_asked && !node.is_by_power && policy.restart != "none")
            add_action(node, Kind::restart, restart_of(node));
        bool is_back =
            node.state == State::committed || node.state == State::reverted || node.state == State::waiting;
        if (!node.drained_by.empty() && is_back) add_action(node, Kind::resume, node.drained_by);
    }

    /// After a failure, and back to the committed release, the firmware begins with a machine in a known
    /// state.
    std::string restart_of(const NodeState& node) const {
        const std::string& how = rollout_.policy.restart;
        bool is_first = node.state == State::restarting && node.tries == 0;
        return is_first ? how : full_restart(how);
    }

    void add_action(const NodeState& node, Action::Kind kind, const std::string& how) {
        bool is_of_slurm = rollout_.policy.drain == kSlurm || node.drained_by == kSlurm;
        step_.actions.push_back({.kind = kind,
                                 .node = node.node,
                                 .rollout = rollout_.id,
                                 .how = how,
                                 .boot = node.boots.empty() ? "" : node.boots.back(),
                                 .id = id_of(node, kind),
                                 .is_in_slurm = kind == Action::Kind::resume ? how == kSlurm : is_of_slurm,
                                 .release = node.target,
                                 .tries = node.tries});
    }

    const Records& records_;
    Rollout rollout_; ///< as it becomes
    const Rollout& before_;
    Moment now_;
    RolloutStep& step_;
    Members members_;
    std::map<std::string_view, NodeState> changed_;
};

/// The rollouts of nodes that are under way or wait for their scheduler.
std::set<std::string_view> needed_rollouts(const Records& records) {
    std::set<std::string_view> needed;
    for (const auto& [name, node] : records.nodes)
        if (!is_settled(node.state) || !node.drained_by.empty()) needed.insert(node.rollout);
    return needed;
}

} // namespace

RolloutStep tick(const Records& records, Moment now) {
    RolloutStep step;
    std::set<std::string_view> needed = needed_rollouts(records);
    for (const auto& [id, rollout] : records.rollouts)
        if (!has_ended(rollout) || needed.contains(id)) RolloutTick(records, rollout, now, step).run();
    return step;
}

} // namespace mangrove::head
