#include "head/rollout/records.h"

#include <algorithm>
#include <array>

#include "head/host/json.h"
#include "head/rollout/record_reader.h"
#include "head/rollout/slots.h"

namespace mangrove::head {

namespace {

constexpr const char* kClockKey = "clock/rollouts";
constexpr std::string_view kNode = "state/";
constexpr std::string_view kRollout = "rollout/";
constexpr std::string_view kSlots = "slots/";

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

/// The record says who began last; its revision is what counts.
void add_slots(const Records& records, const RolloutStep& step, std::vector<Write>& writes) {
    std::map<std::string, std::string> takers;
    for (const NodeState& node : step.nodes) {
        const NodeState* before = records.find(node.node);
        bool had_slot = before && holds_slot(before->state) && before->rollout == node.rollout;
        if (holds_slot(node.state) && !had_slot) takers[node.rollout] = node.node;
    }
    for (const auto& [rollout, node] : takers) {
        auto known = records.slots.find(rollout);
        writes.push_back({text(kSlots, rollout), node, known == records.slots.end() ? 0 : known->second});
    }
}

/// Puts a record of `all` to what the database has.
template <typename Record>
Result<bool> take_in(std::map<std::string, Record, std::less<>>& all, const std::string& name,
                     const Change& change, Result<Record> (*read)(const Entry& entry)) {
    auto known = all.find(name);
    if (known != all.end() && known->second.read_at >= change.revision) return false;
    if (change.value)
        all.insert_or_assign(name, TRY(read({change.key, *change.value, change.revision})));
    else if (known != all.end())
        all.erase(known);
    return true;
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
    // First: a node that begins while the others are read counts as unknown.
    std::vector<Entry> slots = TRY(database.list(std::string(kSlots)));
    std::vector<NodeState> nodes = TRY(list_node_states(database));
    Records records = TRY(records_from(clock, std::move(nodes), TRY(list_rollouts(database))));
    for (const Entry& entry : slots)
        records.slots[entry.key.substr(kSlots.size())] = entry.revision;
    return records;
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

std::string id_of(const NodeState& node, Action::Kind kind) {
    return text(node.rollout, "/", node.node, "/", name_of(kind), "/", node.tries, "/", node.since);
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
    add_slots(records, step, writes);
    uint64_t revision = TRY(database.commit(writes));
    apply(records, step, revision);
    for (const Write& write : writes)
        if (write.key.starts_with(kSlots)) records.slots[write.key.substr(kSlots.size())] = revision;
    return {};
}

Result<bool> take_in(Records& records, const Change& change) {
    auto name_below = [&](std::string_view prefix) { return change.key.substr(prefix.size()); };
    if (change.key.starts_with(kNode))
        return take_in(records.nodes, name_below(kNode), change, node_state_from);
    if (change.key.starts_with(kRollout)) {
        std::string id = name_below(kRollout);
        bool is_news = TRY(take_in(records.rollouts, id, change, rollout_from));
        if (auto rollout = records.rollouts.find(id); is_news && rollout != records.rollouts.end())
            TRY(load_window(records, rollout->second), "reading ", change.key);
        return is_news;
    }
    if (change.key.starts_with(kSlots)) records.slots[name_below(kSlots)] = change.revision;
    if (change.key == kClockKey && change.value)
        records.clock.up =
            std::max(records.clock.up, TRY(clock_from({change.key, *change.value, change.revision})).up);
    return false;
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
