#include "head/command/rollout_commands.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <ctime>
#include <thread>

#include "head/nodes/node_set.h"

namespace mangrove::head {

namespace {

using Words = std::vector<std::string>;

std::string shown_time(int64_t moment) {
    return moment > 0 ? utc_time(moment) : "-";
}

// Printing.

std::string shown_counts(const std::map<std::string, Words>& nodes) {
    Words counts;
    for (const auto& [state, names] : nodes)
        counts.push_back(text(names.size(), " ", state));
    return join(counts, ", ");
}

/// A line for all nodes with the same state and reason.
void print_nodes(const Records& records, const Rollout& rollout) {
    struct Group {
        Words nodes = {};
        int64_t since = 0;
        int64_t left = 0; ///< seconds until the first deadline
    };
    std::map<std::pair<std::string, std::string>, Group> groups;
    for (const ShownMember& member : shown_members(records, rollout)) {
        Group& group = groups[{member.state, member.why}];
        group.nodes.push_back(member.node);
        group.since = group.since == 0 ? member.since : std::min(group.since, member.since);
        if (member.left > 0) group.left = group.left == 0 ? member.left : std::min(group.left, member.left);
    }
    std::printf("\n%-12s %-24s %-21s %-9s %s\n", "STATE", "NODES", "SINCE", "LEFT", "WHY");
    for (const auto& [key, group] : groups)
        std::printf("%-12s %-24s %-21s %-9s %s\n", key.first.c_str(), fold_nodes(group.nodes).c_str(),
                    shown_time(group.since).c_str(), group.left > 0 ? text(group.left, " s").c_str() : "-",
                    key.second.empty() ? "-" : key.second.c_str());
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

Outcome<> write_order(Call& call, const Writing& writing, const DecideOrder& order) {
    std::unique_ptr<Database> database = TRY(open_database(call));
    print_written(call,
                  TRY(carry_out(*database, {who(), writing.command}, order,
                                [&](const Words& lines) { return show_and_ask(call, writing, lines); })),
                  "");
    return {};
}

} // namespace

Outcome<> rollout_start(Call& call, const Writing& writing, const RolloutOptions& options) {
    std::unique_ptr<Database> database = TRY(open_database(call));
    RolloutPlan plan = TRY(plan_rollout(*database, call.directories, options, who()));
    bool is_written = TRY(show_and_ask(call, writing, plan.lines));
    if (is_written) {
        TRY(begin_rollout(*database, plan, {who(), writing.command}));
        if (call.form == Form::table) print_line(plan.rollout().id);
    }
    print_written(call, plan.lines, is_written ? plan.rollout().id : "");
    return {};
}

Outcome<> rollout_list(Call& call) {
    Records records = TRY(load_records(*TRY(open_database(call))));
    Json all(cJSON_CreateArray());
    if (call.form == Form::table)
        std::printf("%-8s %-15s %-10s %-21s %s\n", "ROLLOUT", "RELEASE", "STATUS", "STARTED", "NODES");
    for (const auto& [id, rollout] : records.rollouts) {
        cJSON_AddItemToArray(all.get(), summary_of(records, rollout).release());
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
        bool is_moving = std::ranges::any_of(shown_members(records, rollout), &ShownMember::holds_slot);
        if (has_ended(rollout) && !is_moving) return {};
        std::this_thread::sleep_for(kPause);
    }
}

Outcome<> rollout_order(Call& call, const Writing& writing, RolloutOrder order, const std::string& id) {
    return write_order(call, writing, order_of(order, id));
}

Outcome<> rollout_order_nodes(Call& call, const Writing& writing, NodesOrder order,
                              const std::string& nodes) {
    return write_order(call, writing, order_of(order, nodes));
}

} // namespace mangrove::head
