#include "head/command/rollout_commands.h"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <ctime>
#include <map>
#include <thread>

#include "head/nodes/node_set.h"
#include "head/publish/publishing.h"
#include "head/rollout/driver.h"
#include "head/rollout/records.h"
#include "head/rollout/release.h"

namespace mangrove::head {

namespace {

using Words = std::vector<std::string>;

Moment now_of(const Records& records) {
    return advance(records.clock, std::time(nullptr));
}

std::string shown_time(int64_t moment) {
    char written[32] = "-";
    tm parts = {};
    time_t seconds = moment;
    if (moment > 0 && ::gmtime_r(&seconds, &parts)) std::strftime(written, sizeof written, "%FT%TZ", &parts);
    return written;
}

// Options.

/// "90", "90s", "15m", "2h", in seconds.
Result<int64_t> parse_duration(const char* option, std::string_view written) {
    std::string_view digits = written;
    int64_t unit = 1;
    if (!digits.empty()) {
        char last = digits.back();
        unit = last == 'h' ? 3600 : last == 'm' ? 60 : 1;
        if (last == 'h' || last == 'm' || last == 's') digits.remove_suffix(1);
    }
    std::optional<uint64_t> number = parse_number(digits);
    constexpr uint64_t kMost = 1'000'000;
    if (!number || *number > kMost)
        return permanent_error(option, " ", written, ": expected a time like 90s, 15m or 2h");
    return static_cast<int64_t>(*number) * unit;
}

Result<uint32_t> parse_percent(const char* option, std::string_view written) {
    bool is_percent = written.ends_with('%');
    std::optional<uint64_t> number = parse_number(written.substr(0, written.size() - (is_percent ? 1 : 0)));
    if (!is_percent || !number || *number > 100)
        return permanent_error(option, " ", written, ": expected percents from 0% to 100%");
    return static_cast<uint32_t>(*number);
}

Result<uint32_t> parse_count(const char* option, std::string_view written) {
    std::optional<uint64_t> number = parse_number(written);
    if (!number || *number > 1'000'000)
        return permanent_error(option, " ", written, ": expected a number of nodes");
    return static_cast<uint32_t>(*number);
}

/// "5%,25%,100%"
Result<> set_waves(Policy& policy, const std::string& written) {
    policy.waves.clear();
    for (const std::string& wave : split(written, ','))
        policy.waves.push_back(TRY(parse_percent("--waves", wave)));
    return {};
}

/// "rack=2"
Result<> set_spread(Policy& policy, const std::string& written) {
    size_t equals = written.rfind('=');
    if (equals == std::string::npos || equals == 0)
        return permanent_error("--spread ", written, ": expected KEY=NUMBER, as rack=2");
    policy.spread_key = written.substr(0, equals);
    policy.spread = TRY(parse_count("--spread", std::string_view(written).substr(equals + 1)));
    return {};
}

/// "2%,min=3"
Result<> set_budget(Policy& policy, const std::string& written) {
    constexpr std::string_view kMinimum = "min=";
    for (const std::string& part : split(written, ',')) {
        if (part.starts_with(kMinimum))
            policy.budget_min = TRY(parse_count("--budget", std::string_view(part).substr(kMinimum.size())));
        else
            policy.budget_percent = TRY(parse_percent("--budget", part));
    }
    return {};
}

Result<> set_choices(Policy& policy, const RolloutOptions& options) {
    if (options.on_failure == "revert")
        policy.on_failure = OnFailure::revert;
    else if (!options.on_failure.empty() && options.on_failure != "pause")
        return permanent_error("--on-failure ", options.on_failure, ": expected pause or revert");
    if (!options.health.empty() && options.health != "up" && options.health != "required")
        return permanent_error("--health ", options.health, ": expected required or up");
    policy.needs_health = options.health != "up";
    return {};
}

Result<Policy> policy_from(const RolloutOptions& options) {
    Policy policy{.tries = options.tries,
                  .window = options.window,
                  .drain = options.drain,
                  .restart = options.restart,
                  .allowed_units = options.allowed_units,
                  .needs_approval = options.approve};
    if (!options.waves.empty()) TRY(set_waves(policy, options.waves));
    if (!options.max.empty()) policy.max = TRY(Amount::parse(options.max), "reading --max");
    if (!options.spread.empty()) TRY(set_spread(policy, options.spread));
    if (!options.budget.empty()) TRY(set_budget(policy, options.budget));
    if (!options.soak.empty()) policy.soak = TRY(parse_duration("--soak", options.soak));
    if (!options.deadline.empty()) policy.deadline = TRY(parse_duration("--deadline", options.deadline));
    TRY(set_choices(policy, options));
    TRY(check_drivers(policy));
    TRY(check_policy(policy));
    return policy;
}

/// The value of a node at a path of its fields or values ("rack").
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

/// An error where nodes could not boot the release.
Result<> check_bootable(const Call& call, const Release& release) {
    Record publication = TRY(find_one_published(call.directories, release.publication, "rollout start"));
    Image image = TRY(Store(call.directories.images).find(publication.image));
    if (image.kernel_version.empty())
        return permanent_error(image.id, ": it has no kernel to boot; build it with one");
    return {};
}

// Printing.

std::string shown_policy(const Policy& policy) {
    Words waves;
    for (uint32_t wave : policy.waves)
        waves.push_back(text(wave, "%"));
    std::string shown = text("waves ", join(waves, ","), ", at most ", policy.max.text(), " at once, ",
                             policy.tries, policy.tries == 1 ? " try" : " tries", ", deadline ",
                             policy.deadline, " s, soak ", policy.soak, " s, restart ", policy.restart);
    if (!policy.drain.empty()) shown += ", drain " + policy.drain;
    if (!policy.spread_key.empty()) shown += text(", ", policy.spread, " for each ", policy.spread_key);
    if (!policy.window.empty()) shown += ", in " + policy.window;
    shown += text(", budget ", policy.budget_percent, "% and ", policy.budget_min, ", on failure ",
                  policy.on_failure == OnFailure::revert ? "revert" : "pause");
    if (!policy.needs_health) shown += ", without health";
    if (policy.needs_approval) shown += ", with approval";
    return shown;
}

Words names_of(const Rollout& rollout) {
    Words names;
    for (const Member& member : rollout.nodes)
        names.push_back(member.node);
    return names;
}

/// The states of its nodes; "new" before the head node has taken it up.
std::map<std::string, Words> nodes_by_state(const Records& records, const Rollout& rollout) {
    std::map<std::string, Words> nodes;
    for (const std::string& name : names_of(rollout)) {
        const NodeState* node = records.find(name);
        bool is_ours = node && node->rollout == rollout.id;
        nodes[is_ours ? std::string(name_of(node->state)) : "new"].push_back(name);
    }
    return nodes;
}

std::string shown_counts(const std::map<std::string, Words>& nodes) {
    Words counts;
    for (const auto& [state, names] : nodes)
        counts.push_back(text(names.size(), " ", state));
    return join(counts, ", ");
}

Json description_of(const Records& records, const Rollout& rollout) {
    Json json(cJSON_Parse(to_json(rollout).c_str()));
    add_text(json.get(), "id", rollout.id);
    cJSON_DeleteItemFromObjectCaseSensitive(json.get(), "status");
    add_text(json.get(), "status", std::string(status_name(rollout)));
    cJSON* states = add_object(json.get(), "states");
    for (const auto& [state, names] : nodes_by_state(records, rollout))
        add_text(states, state.c_str(), fold_nodes(names));
    return json;
}

std::string shown_status(const Rollout& rollout) {
    return text(status_name(rollout), rollout.reason.empty() ? "" : ": ", rollout.reason);
}

/// A line for all nodes with the same state and reason.
void print_nodes(const Records& records, const Rollout& rollout) {
    struct Group {
        Words nodes = {};
        int64_t since = 0;
        int64_t left = 0; ///< seconds until the first deadline
    };
    std::map<std::pair<std::string, std::string>, Group> groups;
    for (const std::string& name : names_of(rollout)) {
        const NodeState* node = records.find(name);
        if (!node || node->rollout != rollout.id) continue;
        std::string why = text(node->is_held ? "held; " : "", node->is_off ? "off; " : "", node->reason);
        Group& group = groups[{std::string(name_of(node->state)), why}];
        group.nodes.push_back(name);
        group.since = std::max(group.since, node->since);
        int64_t end = node->state == State::soaking ? node->soak_until : node->deadline;
        int64_t left = end > 0 ? std::max<int64_t>(end - records.clock.up, 0) : 0;
        if (left > 0) group.left = group.left == 0 ? left : std::min(group.left, left);
    }
    std::printf("\n%-12s %-24s %-21s %-9s %s\n", "STATE", "NODES", "SINCE", "LEFT", "WHY");
    for (const auto& [key, group] : groups)
        std::printf("%-12s %-24s %-21s %-9s %s\n", key.first.c_str(), fold_nodes(group.nodes).c_str(),
                    shown_time(group.since).c_str(), group.left > 0 ? text(group.left, " s").c_str() : "-",
                    key.second.empty() ? "-" : key.second.c_str());
}

Result<const Rollout*> find_rollout(const Records& records, const std::string& id) {
    auto found = records.rollouts.find(id);
    if (found != records.rollouts.end()) return &found->second;
    Words known;
    for (const auto& [other, rollout] : records.rollouts)
        known.push_back(other);
    return permanent_error("rollout ", id, ": not found", did_you_mean(id, known));
}

// Writing.

void print_written(const Call& call, const Words& lines, const std::string& id) {
    if (call.form == Form::table) return;
    Json json = make_json_object();
    if (!id.empty()) add_text(json.get(), "id", id);
    add_texts(json.get(), "diff", lines);
    print(json);
}

/// Shows lines and asks; false where nothing is to be written.
Result<bool> show_and_ask(Call& call, const Writing& writing, const Words& lines) {
    for (const std::string& line : lines) {
        if (call.form == Form::table) print_line(line);
        if (call.form == Form::json) call.progress.note(line);
    }
    std::fflush(stdout);
    if (writing.is_dry_run) return false;
    TRY(ask(writing, "Write these changes?"));
    return true;
}

Words lines_of(const Records& before, const RolloutStep& step) {
    std::map<std::string, Words> nodes;
    for (const NodeState& node : step.nodes) {
        const NodeState* known = before.find(node.node);
        std::string was = known ? std::string(name_of(known->state)) : "new";
        std::string line = text(was, " -> ", name_of(node.state));
        if (known && known->is_held != node.is_held) line = node.is_held ? "held" : "no longer held";
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

/// The head node writes the same records: an order is decided again where they were changed meanwhile.
template <typename Order>
Outcome<> write_order(Call& call, const Writing& writing, const Order& order) {
    constexpr int kTries = 20;
    std::unique_ptr<Database> database = TRY(open_database(call));
    bool is_asked = false;
    for (int tries = 1;; ++tries) {
        Records records = TRY(load_records(*database));
        RolloutStep step = TRY(order(*database, records));
        Words lines = lines_of(records, step);
        if (!is_asked && !TRY(show_and_ask(call, writing, lines))) {
            print_written(call, lines, "");
            return {};
        }
        is_asked = true;
        Result<uint64_t> written = database->commit(writes_of(step));
        if (written) {
            print_written(call, lines, "");
            return {};
        }
        if (written.error().code != ESTALE || tries >= kTries) return std::unexpected(written.error());
    }
}

} // namespace

Outcome<> rollout_start(Call& call, const Writing& writing, const RolloutOptions& options) {
    std::unique_ptr<Database> database = TRY(open_database(call));
    Policy policy = TRY(policy_from(options));
    Release release = TRY(find_release(*database, options.release));
    TRY(check_bootable(call, release));
    Inventory inventory = TRY(Inventory::load(*database));
    RolloutRequest request{
        .release = release.id, .policy = policy, .who = who(), .supersedes = options.supersede};
    for (const std::string& name : TRY(inventory.select(options.nodes)))
        request.nodes.push_back({.node = name, .place = place_of(inventory, name, policy.spread_key)});
    if (!options.canary.empty()) request.canaries = TRY(inventory.select(options.canary), "reading --canary");
    Records records = TRY(load_records(*database));
    RolloutStep step = TRY(start_rollout(records, request, now_of(records)));
    const Rollout& rollout = step.rollouts.back();
    Words lines = {text("rollout ", rollout.id, ": ", rollout.release, " to ", rollout.nodes.size(),
                        " nodes: ", fold_nodes(names_of(rollout)))};
    if (!request.canaries.empty()) lines.push_back(text("canaries: ", fold_nodes(request.canaries)));
    for (const Rollout& other : step.rollouts)
        if (other.id != rollout.id) lines.push_back(text("rollout ", other.id, ": ", shown_status(other)));
    lines.push_back("policy: " + shown_policy(policy));
    bool is_written = TRY(show_and_ask(call, writing, lines));
    if (is_written) {
        std::vector<Write> writes = writes_of(step);
        writes.push_back(keep_release(release));
        TRY(database->commit(writes));
        if (call.form == Form::table) print_line(rollout.id);
    }
    print_written(call, lines, is_written ? rollout.id : "");
    return {};
}

Outcome<> rollout_list(Call& call) {
    Records records = TRY(load_records(*TRY(open_database(call))));
    Json all(cJSON_CreateArray());
    if (call.form == Form::table)
        std::printf("%-8s %-15s %-10s %-21s %s\n", "ROLLOUT", "RELEASE", "STATUS", "STARTED", "NODES");
    for (const auto& [id, rollout] : records.rollouts) {
        cJSON_AddItemToArray(all.get(), description_of(records, rollout).release());
        if (call.form == Form::table)
            std::printf("%-8s %-15s %-10s %-21s %s\n", id.c_str(), rollout.release.c_str(),
                        std::string(status_name(rollout)).c_str(), shown_time(rollout.started).c_str(),
                        shown_counts(nodes_by_state(records, rollout)).c_str());
    }
    if (call.form == Form::json) print(all);
    if (records.rollouts.empty())
        hint(call, "there are no rollouts; mangrovectl rollout start RELEASE NODES");
    return {};
}

Outcome<> rollout_show(Call& call, const std::string& id) {
    Records records = TRY(load_records(*TRY(open_database(call))));
    const Rollout& rollout = *TRY(find_rollout(records, id));
    if (call.form == Form::json) {
        print(description_of(records, rollout));
        return {};
    }
    for (const auto& [name, value] : std::initializer_list<std::pair<const char*, std::string>>{
             {"rollout", rollout.id},
             {"release", rollout.release},
             {"status", shown_status(rollout)},
             {"started", text(shown_time(rollout.started), " by ", rollout.who)},
             {"policy", shown_policy(rollout.policy)},
             {"nodes", shown_counts(nodes_by_state(records, rollout))}})
        std::printf("%-10s %s\n", name, value.c_str());
    print_nodes(records, rollout);
    return {};
}

Outcome<> rollout_watch(Call& call, const std::string& id) {
    constexpr std::chrono::seconds kPause{1};
    std::unique_ptr<Database> database = TRY(open_database(call));
    for (std::string before;;) {
        Records records = TRY(load_records(*database));
        const Rollout& rollout = *TRY(find_rollout(records, id));
        std::map<std::string, Words> nodes = nodes_by_state(records, rollout);
        std::string now = text(shown_status(rollout), "; ", shown_counts(nodes));
        if (now != before) {
            if (call.form == Form::json)
                print(description_of(records, rollout));
            else
                print_line(text(shown_time(std::time(nullptr)), "  ", now));
            std::fflush(stdout);
        }
        before = now;
        bool is_moving = std::ranges::any_of(names_of(rollout), [&](const std::string& name) {
            const NodeState* node = records.find(name);
            return node && node->rollout == id && holds_slot(node->state);
        });
        if (has_ended(rollout) && !is_moving) return {};
        std::this_thread::sleep_for(kPause);
    }
}

Outcome<> rollout_order(Call& call, const Writing& writing, RolloutOrder order, const std::string& id) {
    return write_order(call, writing, [&](Database&, const Records& records) {
        return operate(records, id, order, now_of(records));
    });
}

Outcome<> rollout_order_nodes(Call& call, const Writing& writing, NodesOrder order,
                              const std::string& nodes) {
    return write_order(call, writing, [&](Database& database, const Records& records) -> Result<RolloutStep> {
        Inventory inventory = TRY(Inventory::load(database));
        return operate(records, TRY(inventory.select(nodes)), order, now_of(records));
    });
}

} // namespace mangrove::head
