#include "head/rollout/records.h"

#include <algorithm>
#include <array>

#include "head/host/json.h"
#include "head/rollout/record_reader.h"
#include "head/rollout/slots.h"

namespace mangrove::head {

namespace {

constexpr const char* kClockKey = "clock/rollouts";

Result<Moment> clock_from(const Entry& entry) {
    Json json = TRY(parse_record(entry.value, entry.key));
    RecordReader in(json.get(), entry.key);
    Moment clock{.up = in.number("up"), .wall = in.number("wall")};
    TRY(in.finish());
    if (clock.up < 1) return permanent_error(entry.key, ": up: expected at least 1");
    return clock;
}

Result<> load_window(Records& records, const Rollout& rollout) {
    const std::string& window = rollout.policy.window;
    if (window.empty() || has_ended(rollout) || records.windows.contains(window)) return {};
    records.windows.emplace(window, TRY(Window::parse(window)));
    return {};
}

/// After a crash the record of the clock may be older than the others.
void catch_up(Records& records) {
    for (const auto& [name, node] : records.nodes)
        records.clock.up = std::max(records.clock.up, node.boot.at);
}

} // namespace

const Rollout* Records::rollout_of(const NodeState& node) const {
    auto found = rollouts.find(node.rollout);
    return found == rollouts.end() ? nullptr : &found->second;
}

const NodeState* Records::find(std::string_view node) const {
    auto found = nodes.find(node);
    return found == nodes.end() ? nullptr : &found->second;
}

std::string_view name_of(Action::Kind kind) {
    constexpr std::array<std::string_view, 4> kNames = {"drain", "restart", "power-cycle", "resume"};
    return kNames[static_cast<size_t>(kind)];
}

Result<Records> load_records(Database& database) {
    Moment clock;
    if (std::optional<Entry> entry = TRY(database.get(kClockKey))) clock = TRY(clock_from(*entry));
    std::vector<NodeState> nodes = TRY(list_node_states(database));
    return records_from(clock, std::move(nodes), TRY(list_rollouts(database)));
}

Result<Records> records_from(const Moment& clock, std::vector<NodeState> nodes,
                             std::vector<Rollout> rollouts) {
    Records records{.clock = clock};
    for (NodeState& node : nodes)
        records.nodes.insert_or_assign(node.node, std::move(node));
    for (Rollout& rollout : rollouts) {
        TRY(load_window(records, rollout), "reading ", rollout.key());
        records.rollouts.insert_or_assign(rollout.id, std::move(rollout));
    }
    catch_up(records);
    return records;
}

std::vector<Write> writes_of(const RolloutStep& step) {
    std::vector<Write> writes;
    for (const NodeState& node : step.nodes)
        writes.push_back({node.key(), to_json(node), node.read_at});
    for (const Rollout& rollout : step.rollouts)
        writes.push_back({rollout.key(), to_json(rollout), rollout.read_at});
    return writes;
}

Write write_of(const Moment& clock) {
    Json json = make_json_object();
    cJSON_AddNumberToObject(json.get(), "up", static_cast<double>(clock.up));
    cJSON_AddNumberToObject(json.get(), "wall", static_cast<double>(clock.wall));
    return {kClockKey, print_json(json)};
}

void apply(Records& records, const RolloutStep& step, uint64_t revision) {
    for (const NodeState& node : step.nodes)
        records.nodes.insert_or_assign(node.node, node).first->second.read_at = revision;
    for (const Rollout& rollout : step.rollouts) {
        // It was checked when the rollout began; without it, the rollout waits.
        (void)load_window(records, rollout);
        records.rollouts.insert_or_assign(rollout.id, rollout).first->second.read_at = revision;
    }
}

Result<> commit(Database& database, Records& records, const RolloutStep& step) {
    std::vector<Write> writes = writes_of(step);
    writes.push_back(write_of(records.clock));
    apply(records, step, TRY(database.commit(writes)));
    return {};
}

NodeState on_event(const Records& records, const std::string& name, const NodeEvent& event, Moment now) {
    static const Rollout kNone;
    const NodeState* known = records.find(name);
    NodeState node = known ? *known : NodeState{.node = name};
    const Rollout* rollout = records.rollout_of(node);
    Situation situation{.rollout = rollout ? *rollout : kNone, .now = now};
    bool asks_for_slot = event.kind == NodeEvent::Kind::script && node.state == State::waiting;
    situation.may_begin = asks_for_slot && rollout && may_begin_by_itself(records, *rollout, node, now);
    return on_event(node, event, situation);
}

} // namespace mangrove::head
