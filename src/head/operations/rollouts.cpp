#include "head/operations/rollouts.h"

#include <algorithm>
#include <cerrno>
#include <ctime>
#include <iterator>

#include "base/utc_time.h"
#include "head/host/json.h"
#include "head/nodes/node_set.h"
#include "head/power/bmc.h"
#include "head/rollout/slots.h"
#include "head/rollout/slurm.h"
#include "head/serve/rollout_checks.h"

namespace mangrove::head {

namespace {

using Words = std::vector<std::string>;

Words names_of(const Rollout& rollout) {
    Words names;
    for (const Member& member : rollout.nodes)
        names.push_back(member.node);
    return names;
}

Words names_of(const std::vector<NodeState>& nodes) {
    Words names;
    for (const NodeState& node : nodes)
        names.push_back(node.node);
    return names;
}

Words lines_of(const Records& before, const RolloutStep& step) {
    std::map<std::string, Words> nodes;
    for (const NodeState& node : step.nodes) {
        const NodeState* known = before.find(node.node);
        std::string was = known ? std::string(name_of(known->state)) : "new";
        std::string line = text(was, " -> ", name_of(node.state));
        if ((known && known->is_held) != node.is_held) line = node.is_held ? "held" : "no longer held";
        if (known && known->is_forgiven != node.is_forgiven && known->state == node.state)
            line = "failure forgiven";
        if (known && known->deadline != node.deadline && known->state == node.state)
            line = "deadline renewed";
        nodes[line].push_back(node.node);
    }
    Words lines;
    for (const Rollout& rollout : step.rollouts) {
        auto known = before.rollouts.find(rollout.id);
        std::string was = known == before.rollouts.end() ? "new" : std::string(status_name(known->second));
        std::string approved =
            text(", approved ", rollout.approved, rollout.approved == 1 ? " wave" : " waves");
        lines.push_back(text("rollout ", rollout.id, ": ", was, " -> ", status_name(rollout),
                             rollout.approved > 0 ? approved : ""));
    }
    for (const auto& [line, names] : nodes)
        lines.push_back(text("node ", fold_nodes(names), ": ", line));
    return lines;
}

void add_number(cJSON* json, const char* key, int64_t number) {
    cJSON_AddNumberToObject(json, key, static_cast<double>(number));
}

Json member_json(const ShownMember& member, uint32_t wave) {
    Json json = make_json_object();
    add_text(json.get(), "node", member.node);
    add_text(json.get(), "state", member.state);
    add_number(json.get(), "wave", wave);
    cJSON_AddBoolToObject(json.get(), "slot", member.holds_slot);
    add_number(json.get(), "tries", member.tries);
    if (member.since > 0) add_text(json.get(), "since", utc_time(member.since));
    if (member.until > 0) add_text(json.get(), "until", utc_time(member.until));
    if (!member.why.empty()) add_text(json.get(), "why", member.why);
    return json;
}

/// The nodes of each wave, and how many of them are settled.
Json waves_json(const std::vector<size_t>& ends, const Members& members) {
    Json waves(cJSON_CreateArray());
    size_t begin = 0;
    for (size_t end : ends) {
        int64_t settled =
            std::count_if(members.begin() + static_cast<std::ptrdiff_t>(begin),
                          members.begin() + static_cast<std::ptrdiff_t>(end),
                          [](const NodeState* node) { return node && is_settled(node->state); });
        cJSON* wave = cJSON_CreateObject();
        add_number(wave, "nodes", static_cast<int64_t>(end - begin));
        add_number(wave, "settled", settled);
        cJSON_AddItemToArray(waves.get(), wave);
        begin = end;
    }
    return waves;
}

void add_budget(cJSON* json, const Rollout& rollout, const Members& members) {
    auto [tried, failed] = count_tried(members);
    cJSON* budget = add_object(json, "budget");
    add_number(budget, "tried", static_cast<int64_t>(tried));
    add_number(budget, "failed", static_cast<int64_t>(failed));
    add_number(budget, "percent", rollout.policy.budget_percent);
    add_number(budget, "min", rollout.policy.budget_min);
}

} // namespace

Moment now_of(const Records& records) {
    return advance(records.clock, std::time(nullptr));
}

int64_t seconds_left(const Records& records, const NodeState& node, Moment now) {
    const Rollout* rollout = records.rollout_of(node);
    int64_t end = node.state == State::soaking ? node.soak_until : node.deadline;
    bool is_over = !rollout || rollout->is_broken || end == 0;
    return is_over ? 0 : std::max<int64_t>(end - now.up, 1);
}

std::string utc_time(int64_t moment) {
    return moment > 0 ? utc_text(std::chrono::sys_seconds(std::chrono::seconds(moment))) : "";
}

std::string place_of(const Inventory& inventory, const std::string& node, const std::string& key) {
    if (key.empty()) return {};
    ResolvedNode resolved = inventory.resolve(*inventory.find("node", node));
    const cJSON* values = cJSON_GetObjectItemCaseSensitive(resolved.fields.get(), "values");
    for (const cJSON* place : {static_cast<const cJSON*>(resolved.fields.get()), values}) {
        for (const std::string& member : split(key, '.'))
            place = cJSON_GetObjectItemCaseSensitive(place, member.c_str());
        if (cJSON_IsString(place)) return cJSON_GetStringValue(place);
        if (place) return one_line(place);
    }
    return {};
}

Result<RolloutPlan> plan_rollout(Database& database, const Directories& directories,
                                 const RolloutOptions& options, const std::string& who) {
    Policy policy = TRY(policy_from(options));
    Release release = TRY(find_release(database, options.release));
    if (policy.restart == kSlurm) TRY(check_reboot_program(run_scontrol({"scontrol"})));
    Inventory inventory = TRY(Inventory::load(database));
    RolloutRequest request{
        .release = release.id, .policy = policy, .who = who, .supersedes = options.supersede};
    for (const std::string& name : TRY(inventory.select(options.nodes)))
        request.nodes.push_back({.node = name,
                                 .place = place_of(inventory, name, policy.spread_key),
                                 .has_bmc = has_bmc(inventory, name)});
    std::map<std::string, SignedDefinition> signed_definitions = TRY(list_signed_definitions(database));
    auto signed_definition = signed_definitions.find(release.id);
    TRY(check_rollout(directories, inventory, release,
                      signed_definition == signed_definitions.end() ? nullptr : &signed_definition->second,
                      request, options.stateful ? Stateful::is_taken : Stateful::is_refused));
    if (!options.canary.empty()) request.canaries = TRY(inventory.select(options.canary), "reading canary");
    Records records = TRY(load_records(database));
    RolloutPlan plan{.step = TRY(start_rollout(records, request, now_of(records))),
                     .release = std::move(release),
                     .lines = {}};
    const Rollout& rollout = plan.rollout();
    plan.lines.push_back(text("rollout ", rollout.id, ": ", rollout.release, " to ", rollout.nodes.size(),
                              " nodes: ", fold_nodes(names_of(rollout))));
    if (!request.canaries.empty()) plan.lines.push_back(text("canaries: ", fold_nodes(request.canaries)));
    for (const Rollout& other : plan.step.rollouts)
        if (other.id != rollout.id)
            plan.lines.push_back(text("rollout ", other.id, ": ", shown_status(other)));
    plan.lines.push_back("policy: " + shown_policy(policy));
    return plan;
}

Result<> begin_rollout(Database& database, const RolloutPlan& plan, const Author& author) {
    std::vector<Write> writes = writes_of(plan.step);
    writes.push_back(keep_release(plan.release));
    std::ranges::move(TRY(writes_of_event(database, author, names_of(plan.rollout()), plan.lines)),
                      std::back_inserter(writes));
    TRY(database.commit(writes));
    return {};
}

DecideOrder order_of(RolloutOrder order, const std::string& rollout) {
    return
        [=](Database&, const Records& records) { return operate(records, rollout, order, now_of(records)); };
}

DecideOrder order_of(NodesOrder order, const std::string& nodes) {
    return [=](Database& database, const Records& records) -> Result<RolloutStep> {
        Inventory inventory = TRY(Inventory::load(database));
        return operate(records, TRY(inventory.select(nodes)), order, now_of(records));
    };
}

Result<Words> carry_out(Database& database, const Author& author, const DecideOrder& decide,
                        const ConfirmOrder& confirm) {
    constexpr int kTries = 20;
    bool is_confirmed = false;
    for (int tries = 1;; ++tries) {
        Records records = TRY(load_records(database));
        RolloutStep step = TRY(decide(database, records));
        Words lines = lines_of(records, step);
        if (!is_confirmed && !TRY(confirm(lines))) return lines;
        is_confirmed = true;
        std::vector<Write> writes = writes_of(step);
        std::ranges::move(TRY(keep_releases(database, records, step)), std::back_inserter(writes));
        std::ranges::move(TRY(writes_of_event(database, author, names_of(step.nodes), lines)),
                          std::back_inserter(writes));
        Result<uint64_t> written = database.commit(writes);
        if (written) return lines;
        if (written.error().code != ESTALE || tries >= kTries) return std::unexpected(written.error());
    }
}

std::vector<ShownMember> shown_members(const Records& records, const Rollout& rollout) {
    std::vector<ShownMember> members;
    Moment now = now_of(records);
    for (const Member& member : rollout.nodes) {
        const NodeState* node = records.find(member.node);
        ShownMember& shown = members.emplace_back(member.node, "new");
        if (!node || node->rollout != rollout.id) continue;
        shown.state = name_of(node->state);
        shown.why = explanation_of(*node);
        shown.since = node->since;
        shown.left = seconds_left(records, *node, now);
        shown.until = shown.left > 0 ? now.wall + shown.left : 0;
        shown.holds_slot = holds_slot(node->state);
        shown.tries = node->tries;
    }
    return members;
}

std::map<std::string, Words> nodes_by_state(const Records& records, const Rollout& rollout) {
    std::map<std::string, Words> nodes;
    for (const ShownMember& member : shown_members(records, rollout))
        nodes[member.state].push_back(member.node);
    return nodes;
}

std::string shown_status(const Rollout& rollout) {
    return text(status_name(rollout), rollout.reason.empty() ? "" : ": ", rollout.reason);
}

Json summary_of(const Records& records, const Rollout& rollout) {
    Json json = make_json_object();
    add_text(json.get(), "id", rollout.id);
    add_text(json.get(), "release", rollout.release);
    add_text(json.get(), "status", std::string(status_name(rollout)));
    if (!rollout.reason.empty()) add_text(json.get(), "reason", rollout.reason);
    add_text(json.get(), "started", utc_time(rollout.started));
    add_text(json.get(), "who", rollout.who);
    cJSON_AddBoolToObject(json.get(), "ended", has_ended(rollout));
    cJSON* states = add_object(json.get(), "states");
    cJSON* counts = add_object(json.get(), "counts");
    for (const auto& [state, names] : nodes_by_state(records, rollout)) {
        add_text(states, state.c_str(), fold_nodes(names));
        add_number(counts, state.c_str(), static_cast<int64_t>(names.size()));
    }
    return json;
}

Json overview_of(const Records& records, const Rollout& rollout) {
    Json json = summary_of(records, rollout);
    Moment now = now_of(records);
    Members members = members_of(records, rollout);
    std::vector<size_t> ends = ends_of_waves(rollout);
    add_text(json.get(), "policy", shown_policy(rollout.policy));
    add_number(json.get(), "canaries", rollout.canaries);
    cJSON_AddBoolToObject(json.get(), "breaker", rollout.is_broken);
    cJSON_AddBoolToObject(json.get(), "open", is_open(records, rollout, now));
    cJSON_AddBoolToObject(json.get(), "approval", waits_for_approval(rollout, members));
    add_number(json.get(), "wave", wave_of(rollout, members));
    cJSON_AddItemToObject(json.get(), "waves", waves_json(ends, members).release());
    add_budget(json.get(), rollout, members);
    Slots slots(rollout, members);
    cJSON* held = add_object(json.get(), "slots");
    add_number(held, "taken", static_cast<int64_t>(slots.taken()));
    add_number(held, "most", static_cast<int64_t>(slots.most()));
    return json;
}

Json description_of(const Records& records, const Rollout& rollout) {
    Json json = overview_of(records, rollout);
    std::vector<size_t> ends = ends_of_waves(rollout);
    cJSON* nodes = cJSON_AddArrayToObject(json.get(), "nodes");
    size_t index = 0;
    for (const ShownMember& member : shown_members(records, rollout)) {
        auto wave = std::ranges::upper_bound(ends, index++) - ends.begin();
        cJSON_AddItemToArray(nodes, member_json(member, static_cast<uint32_t>(wave)).release());
    }
    return json;
}

Json description_of(const NodeState& node) {
    Json json = make_json_object();
    add_text(json.get(), "state", std::string(name_of(node.state)));
    add_text(json.get(), "since", utc_time(node.since));
    for (const auto& [key, value] :
         std::initializer_list<std::pair<const char*, const std::string&>>{{"committed", node.committed},
                                                                           {"target", node.target},
                                                                           {"rollout", node.rollout},
                                                                           {"running", node.running},
                                                                           {"reason", node.reason}})
        if (!value.empty()) add_text(json.get(), key, value);
    if (!node.rejected.empty()) add_texts(json.get(), "rejected", node.rejected);
    if (node.is_held) cJSON_AddTrueToObject(json.get(), "held");
    if (node.is_off) cJSON_AddTrueToObject(json.get(), "off");
    return json;
}

} // namespace mangrove::head
