#include "head/rollout/node_state.h"

#include <algorithm>
#include <array>

#include "head/host/json.h"
#include "head/nodes/objects.h"
#include "head/rollout/record_reader.h"

namespace mangrove::head {

namespace {

constexpr std::string_view kPrefix = "state/";
constexpr std::array<std::string_view, 10> kStateNames = {
    "committed", "waiting", "draining",  "restarting", "booting",
    "up",        "soaking", "reverting", "reverted",   "lost",
};

constexpr std::pair<const char*, bool NodeState::*> kFlags[] = {
    {"bmc", &NodeState::has_bmc},  {"acted", &NodeState::is_acted}, {"by_power", &NodeState::is_by_power},
    {"held", &NodeState::is_held}, {"off", &NodeState::is_off},     {"forgiven", &NodeState::is_forgiven},
};

constexpr std::pair<const char*, std::string NodeState::*> kTexts[] = {
    {"committed", &NodeState::committed}, {"previous", &NodeState::previous},
    {"target", &NodeState::target},       {"rollout", &NodeState::rollout},
    {"place", &NodeState::place},         {"running", &NodeState::running},
    {"reason", &NodeState::reason},       {"drained_by", &NodeState::drained_by},
    {"note", &NodeState::note},
};

constexpr std::pair<const char*, int64_t NodeState::*> kTimes[] = {
    {"since", &NodeState::since},
    {"deadline", &NodeState::deadline},
    {"soak_until", &NodeState::soak_until},
};

Json boot_json(const Boot& boot) {
    Json json = make_json_object();
    add_text(json.get(), "release", boot.release);
    cJSON_AddNumberToObject(json.get(), "at", static_cast<double>(boot.at));
    add_unless_zero(json.get(), "failures", boot.failures);
    add_if(json.get(), "reported", boot.is_reported);
    return json;
}

Result<Boot> boot_from(const cJSON* json, const std::string& origin) {
    RecordReader in(json, origin + ": boot");
    Boot boot{.release = in.text("release"),
              .at = in.number("at"),
              .failures = in.count_or_zero("failures"),
              .is_reported = in.flag_or_false("reported")};
    TRY(in.finish());
    return boot;
}

/// A state that needs a target must have one.
Result<> check_state(const NodeState& node) {
    bool needs_target = node.state != State::committed;
    if (needs_target && (node.target.empty() || node.rollout.empty()))
        return permanent_error(node.key(), ": ", name_of(node.state), ", but without a target or a rollout");
    bool is_served = node.state == State::booting || node.state == State::up || node.state == State::soaking;
    if (is_served && node.rejects(node.target))
        return permanent_error(node.key(), ": ", name_of(node.state), " ", node.target,
                               ", which is rejected");
    return {};
}

} // namespace

std::string_view name_of(State state) {
    return kStateNames[static_cast<size_t>(state)];
}

std::span<const std::string_view> names_of_states() {
    return kStateNames;
}

bool is_settled(State state) {
    return state == State::committed || state == State::reverted || state == State::lost;
}

bool holds_slot(State state) {
    return !is_settled(state) && state != State::waiting;
}

bool has_failed(const NodeState& node) {
    if (node.is_forgiven) return false;
    return node.state == State::reverting || node.state == State::reverted || node.state == State::lost;
}

bool NodeState::rejects(std::string_view release) const {
    return std::ranges::find(rejected, release) != rejected.end();
}

std::string explanation_of(const NodeState& node) {
    return text(node.is_held ? "held; " : "", node.is_off ? "off; " : "", node.note,
                node.note.empty() || node.reason.empty() ? "" : "; ", node.reason);
}

std::string to_json(const NodeState& node) {
    Json json = make_json_object();
    add_text(json.get(), "state", std::string(name_of(node.state)));
    for (const auto& [key, member] : kTexts)
        add_unless_empty(json.get(), key, node.*member);
    for (const auto& [key, member] : kTimes)
        add_unless_zero(json.get(), key, node.*member);
    for (const auto& [key, member] : kFlags)
        add_if(json.get(), key, node.*member);
    add_unless_zero(json.get(), "tries", node.tries);
    add_unless_empty(json.get(), "rejected", node.rejected);
    add_unless_empty(json.get(), "boots", node.boots);
    if (node.boot != Boot()) cJSON_AddItemToObject(json.get(), "boot", boot_json(node.boot).release());
    return print_json(json);
}

Result<NodeState> node_state_from(const Entry& entry) {
    Json json = TRY(parse_record(entry.value, entry.key));
    NodeState node{.node = entry.key.substr(kPrefix.size()), .read_at = entry.revision};
    TRY(check_name("node", node.node));
    RecordReader in(json.get(), entry.key);
    node.state = in.one_of<State>("state", kStateNames);
    for (const auto& [key, member] : kTexts)
        node.*member = in.text_or(key);
    for (const auto& [key, member] : kTimes)
        node.*member = in.number_or_zero(key);
    for (const auto& [key, member] : kFlags)
        node.*member = in.flag_or_false(key);
    node.tries = in.count_or_zero("tries");
    node.rejected = in.texts_or_none("rejected");
    node.boots = in.texts_or_none("boots");
    if (in.has("boot"))
        if (const cJSON* boot = in.object("boot")) node.boot = TRY(boot_from(boot, entry.key));
    TRY(in.finish());
    TRY(check_state(node));
    return node;
}

Result<std::vector<NodeState>> list_node_states(Database& database) {
    std::vector<NodeState> nodes;
    for (const Entry& entry : TRY(database.list(std::string(kPrefix))))
        nodes.push_back(TRY(node_state_from(entry)));
    return nodes;
}

} // namespace mangrove::head
