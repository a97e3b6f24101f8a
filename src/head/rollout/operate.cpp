#include "head/rollout/operate.h"

#include <algorithm>
#include <cerrno>
#include <set>

#include "head/nodes/node_set.h"
#include "head/rollout/release.h"
#include "head/rollout/slots.h"

namespace mangrove::head {

namespace {

std::set<std::string_view> names_of(const std::vector<Member>& members) {
    std::set<std::string_view> names;
    for (const Member& member : members)
        names.insert(member.node);
    return names;
}

/// Returns the nodes that both have.
std::vector<std::string> shared_nodes(const Rollout& rollout, const std::set<std::string_view>& names) {
    std::vector<std::string> shared;
    for (const Member& member : rollout.nodes)
        if (names.contains(member.node)) shared.push_back(member.node);
    return shared;
}

/// Each node is in one rollout.
Result<> check_overlap(const Records& records, const Rollout& rollout) {
    std::set<std::string_view> names = names_of(rollout.nodes);
    for (const auto& [id, other] : records.rollouts) {
        if (has_ended(other) || id == rollout.id) continue;
        std::vector<std::string> shared = shared_nodes(other, names);
        if (!shared.empty())
            return permanent_error("nodes ", fold_nodes(shared), ": in the rollout ", id,
                                   "; abort it, or supersede it");
    }
    return {};
}

/// A node that is under way in a rollout that ends goes on to its end, in its own time.
void renew_deadlines(const Records& records, const Rollout& rollout, Moment now, RolloutStep& step) {
    for (const NodeState* member : members_of(records, rollout)) {
        if (!member || !holds_slot(member->state) || member->deadline == 0) continue;
        NodeState node = *member;
        bool is_draining = node.state == State::draining;
        node.deadline = now.up + (is_draining ? rollout.policy.drain_deadline : rollout.policy.deadline);
        step.nodes.push_back(std::move(node));
    }
}

/// Deadlines did not end while the breaker held the rollout.
void mend(const Records& records, Rollout& rollout, Moment now, RolloutStep& step) {
    if (!rollout.is_broken) return;
    rollout.is_broken = false;
    renew_deadlines(records, rollout, now, step);
}

void abort(const Records& records, Rollout rollout, const std::string& reason, Moment now,
           RolloutStep& step) {
    mend(records, rollout, now, step);
    rollout.status = Status::aborted;
    rollout.reason = reason;
    step.rollouts.push_back(std::move(rollout));
}

void forgive_failures(const Records& records, const Rollout& rollout, RolloutStep& step) {
    for (const NodeState* member : members_of(records, rollout)) {
        if (!member || !has_failed(*member)) continue;
        auto known = std::ranges::find(step.nodes, member->node, &NodeState::node);
        if (known == step.nodes.end()) known = step.nodes.insert(known, *member);
        known->is_forgiven = true;
    }
}

template <typename... Words>
std::unexpected<Error> no_sense(const Rollout& rollout, const Words&... words) {
    return permanent_error("rollout ", rollout.id, ": ", status_name(rollout), "; ", words...);
}

Result<RolloutStep> resume(const Records& records, Rollout rollout, Moment now) {
    if (rollout.status != Status::paused && rollout.status != Status::failing)
        return no_sense(rollout, "only a rollout that is paused or failing can be resumed");
    RolloutStep step;
    mend(records, rollout, now, step);
    forgive_failures(records, rollout, step);
    rollout.status = Status::running;
    rollout.resumed_at = now.up;
    rollout.reason.clear();
    step.rollouts.push_back(std::move(rollout));
    return step;
}

Result<RolloutStep> pause(Rollout rollout) {
    if (rollout.status != Status::running)
        return no_sense(rollout, "only a rollout that is running can be paused");
    rollout.status = Status::paused;
    rollout.reason = "paused by an operator";
    return RolloutStep{.rollouts = {std::move(rollout)}};
}

Result<RolloutStep> approve(const Records& records, Rollout rollout) {
    Members members = members_of(records, rollout);
    if (!waits_for_approval(rollout, members)) return no_sense(rollout, "it waits for no approval");
    rollout.approved = wave_of(rollout, members) + 1;
    return RolloutStep{.rollouts = {std::move(rollout)}};
}

Result<RolloutStep> revert(const Records& records, Rollout rollout, Moment now) {
    if (rollout.is_reverting) return no_sense(rollout, "it reverts already");
    TRY(check_overlap(records, rollout));
    RolloutStep step;
    mend(records, rollout, now, step);
    rollout.is_reverting = true;
    rollout.status = Status::running;
    rollout.reason = "reverted by an operator";
    step.rollouts.push_back(std::move(rollout));
    return step;
}

/// Puts the canaries first; the others keep their order.
Result<uint32_t> order_canaries(RolloutRequest& request) {
    std::set<std::string, std::less<>> canaries(request.canaries.begin(), request.canaries.end());
    std::set<std::string_view> names = names_of(request.nodes);
    for (const std::string& canary : canaries)
        if (!names.contains(canary))
            return permanent_error("canary ", canary, ": not a node of the rollout; add it to the nodes");
    std::ranges::stable_partition(request.nodes,
                                  [&](const Member& member) { return canaries.contains(member.node); });
    return static_cast<uint32_t>(canaries.size());
}

Result<> check_bmcs(const Rollout& rollout) {
    std::vector<std::string> without;
    for (const Member& member : rollout.nodes)
        if (!member.has_bmc) without.push_back(member.node);
    if (rollout.policy.restart != "power" || without.empty()) return {};
    return permanent_error("--restart power: nodes ", fold_nodes(without),
                           ": no BMC that can be asked; mangrovectl power status shows what is missing");
}

std::string next_id(const Records& records) {
    uint64_t last = 0;
    for (const auto& [id, rollout] : records.rollouts)
        last = std::max(last, parse_number(id).value_or(0));
    return text(last + 1);
}

Result<RolloutStep> retry(const Records& records, const NodeState& node, Moment now) {
    const Rollout* rollout = records.rollout_of(node);
    bool has_failed = node.state == State::reverted || node.state == State::lost;
    if (!has_failed || !rollout)
        return permanent_error("node ", node.node, ": ", name_of(node.state),
                               "; only nodes that are reverted or lost can be retried");
    if (rollout->status == Status::aborted) return no_sense(*rollout, "start another one for ", node.node);
    RolloutStep step;
    step.nodes.push_back(transition(node, Cue::retry, {.rollout = *rollout, .now = now}));
    if (rollout->status == Status::done) {
        TRY(check_overlap(records, *rollout));
        step.rollouts.push_back(*rollout);
        step.rollouts.back().status = Status::running;
    }
    return step;
}

Result<RolloutStep> operate_on(const Records& records, const NodeState& before, NodesOrder order,
                               Moment now) {
    if (order == NodesOrder::retry) return retry(records, before, now);
    NodeState node = before;
    node.is_held = order == NodesOrder::hold;
    return RolloutStep{.nodes = {std::move(node)}};
}

} // namespace

Result<RolloutStep> start_rollout(const Records& records, RolloutRequest request, Moment now) {
    TRY(check_policy(request.policy));
    if (request.nodes.empty()) return permanent_error("rollout: no nodes; name some, or @GROUP, or all");
    if (names_of(request.nodes).size() != request.nodes.size())
        return permanent_error("rollout: a node is named twice");
    uint32_t canaries = TRY(order_canaries(request));
    Rollout rollout{.id = next_id(records),
                    .release = request.release,
                    .nodes = std::move(request.nodes),
                    .canaries = canaries,
                    .policy = std::move(request.policy),
                    .started = now.wall,
                    .who = std::move(request.who)};
    if (!rollout.policy.window.empty()) TRY(Window::parse(rollout.policy.window));
    TRY(check_bmcs(rollout));
    RolloutStep step;
    if (request.supersedes) {
        std::set<std::string_view> names = names_of(rollout.nodes);
        for (const auto& [id, other] : records.rollouts)
            if (!has_ended(other) && !shared_nodes(other, names).empty())
                abort(records, other, "superseded by the rollout " + rollout.id, now, step);
    } else {
        TRY(check_overlap(records, rollout));
    }
    step.rollouts.push_back(std::move(rollout));
    return step;
}

Result<const Rollout*> find_rollout(const Records& records, const std::string& id) {
    auto found = records.rollouts.find(id);
    if (found != records.rollouts.end()) return &found->second;
    std::vector<std::string> known;
    for (const auto& [other, rollout] : records.rollouts)
        known.push_back(other);
    return permanent_error("rollout ", id, ": not found", did_you_mean(id, known));
}

Result<RolloutStep> operate(const Records& records, const std::string& id, RolloutOrder order, Moment now) {
    const Rollout& rollout = *TRY(find_rollout(records, id));
    switch (order) {
    case RolloutOrder::pause:
        return pause(rollout);
    case RolloutOrder::resume:
        return resume(records, rollout, now);
    case RolloutOrder::approve:
        return approve(records, rollout);
    case RolloutOrder::revert:
        return revert(records, rollout, now);
    case RolloutOrder::abort:
        break;
    }
    if (has_ended(rollout)) return no_sense(rollout, "it has ended already");
    RolloutStep step;
    abort(records, rollout, "aborted by an operator", now, step);
    return step;
}

Result<std::vector<Write>> keep_releases(Database& database, const Records& records,
                                         const RolloutStep& step) {
    auto moves = [](const NodeState& node) { return !is_settled(node.state) && !node.rejects(node.target); };
    std::set<std::string> ids;
    for (const NodeState& node : step.nodes) {
        const NodeState* before = records.find(node.node);
        if (moves(node) && !(before && moves(*before))) ids.insert(node.target);
    }
    std::vector<Write> writes;
    for (const std::string& id : ids)
        writes.push_back(keep_release(TRY(find_release(database, id))));
    return writes;
}

Result<RolloutStep> operate(const Records& records, const std::vector<std::string>& nodes, NodesOrder order,
                            Moment now) {
    RolloutStep all;
    std::set<std::string> reopened;
    for (const std::string& name : nodes) {
        const NodeState* known = records.find(name);
        NodeState node = known ? *known : NodeState{.node = name, .since = now.wall};
        RolloutStep step = TRY(operate_on(records, node, order, now));
        all.nodes.push_back(std::move(step.nodes.front()));
        for (Rollout& rollout : step.rollouts)
            if (reopened.insert(rollout.id).second) all.rollouts.push_back(std::move(rollout));
    }
    return all;
}

RolloutStep note_off(const Records& records, const std::vector<std::string>& nodes, Moment now) {
    RolloutStep step;
    for (const std::string& name : nodes) {
        const NodeState* before = records.find(name);
        if (!before) continue;
        NodeState after = on_event(records, name, {.kind = NodeEvent::Kind::off}, now);
        if (after != *before) step.nodes.push_back(std::move(after));
    }
    return step;
}

Result<> record_off(Database& database, const std::vector<std::string>& nodes, int64_t wall) {
    constexpr int kTries = 20;
    for (int tries = 1;; ++tries) {
        Records records = TRY(load_records(database));
        RolloutStep step = note_off(records, nodes, advance(records.clock, wall));
        if (step.nodes.empty()) return {};
        Result<uint64_t> written = database.commit(writes_of(step));
        if (written) return {};
        if (written.error().code != ESTALE || tries >= kTries) return std::unexpected(written.error());
    }
}

} // namespace mangrove::head
