#include <algorithm>

#include "head/api/answering.h"
#include "head/api/routes.h"
#include "head/host/json.h"
#include "head/rollout/records.h"
#include "head/rollout/slots.h"

namespace mangrove::head {

namespace {

/// Releases with fewer nodes are one.
constexpr size_t kMostReleases = 50;
constexpr std::string_view kStatuses[] = {"running", "paused",    "failing", "done",
                                          "aborted", "reverting", "reverted"};

double number(size_t count) {
    return static_cast<double>(count);
}

void write_nodes(Exposition& out, const Records& records, const BootTable& table) {
    std::map<std::string, size_t> states;
    std::map<std::string, size_t> releases;
    for (const auto& [name, served] : table.nodes) {
        const NodeState* node = records.find(name);
        ++states[node ? std::string(name_of(node->state)) : "none"];
        ++releases[node ? node->committed : ""];
    }
    out.begin("mangrove_head_nodes", "gauge", "Nodes by their state; none: no rollout has moved them.");
    for (std::string_view state : names_of_states())
        out.add(number(states[std::string(state)]), {{"state", std::string(state)}});
    out.add(number(states["none"]), {{"state", "none"}});
    std::vector<std::pair<size_t, std::string>> by_count;
    for (const auto& [release, count] : releases)
        by_count.emplace_back(count, release);
    std::ranges::sort(by_count, std::greater());
    size_t others = 0;
    out.begin("mangrove_head_release_nodes", "gauge", "Nodes by the release that they boot.");
    for (size_t i = 0; i < by_count.size(); ++i) {
        const auto& [count, release] = by_count[i];
        if (i >= kMostReleases)
            others += count;
        else
            out.add(number(count), {{"release", release.empty() ? "none" : release}});
    }
    if (others > 0) out.add(number(others), {{"release", "other"}});
}

size_t count_of(const Members& members, bool (*is_counted)(const NodeState& node)) {
    return static_cast<size_t>(
        std::ranges::count_if(members, [&](const NodeState* node) { return node && is_counted(*node); }));
}

/// Of rollouts that go on, and how many there are of each status.
void write_rollouts(Exposition& out, const Records& records) {
    std::map<std::string_view, size_t> statuses;
    std::vector<const Rollout*> running;
    for (const auto& [id, rollout] : records.rollouts) {
        ++statuses[status_name(rollout)];
        if (!has_ended(rollout)) running.push_back(&rollout);
    }
    out.begin("mangrove_head_rollouts", "gauge", "Rollouts by their status.");
    for (std::string_view status : kStatuses)
        out.add(number(statuses[status]), {{"status", std::string(status)}});
    using Count = size_t (*)(const Rollout& rollout, const Members& members);
    for (const auto& [name, help, value] : std::initializer_list<std::tuple<const char*, const char*, Count>>{
             {"mangrove_head_rollout_nodes", "Nodes of a rollout that has not ended.",
              [](const Rollout&rollout, const Members&) { return rollout.nodes.size(); }},
             {"mangrove_head_rollout_settled_nodes", "Nodes that a rollout has nothing more to do with.",
              [](const Rollout&, const Members&members) {
                  return count_of(members, [](const NodeState& node) { return is_settled(node.state); });
              }},
             {"mangrove_head_rollout_slots", "The most nodes of a rollout that are under way at once.",
              [](const Rollout&rollout, const Members&members) { return Slots(rollout, members).most(); }},
             {"mangrove_head_rollout_slots_taken", "Nodes of a rollout that are under way.",
              [](const Rollout&rollout, const Members&members) { return Slots(rollout, members).taken(); }},
             {"mangrove_head_rollout_failed_nodes", "Nodes whose failure counts in the rollout's budget.",
              [](const Rollout&, const Members&members) { return count_of(members, has_failed); }},
             {"mangrove_head_rollout_held_nodes", "Nodes of a rollout that an operator holds.",
              [](const Rollout&, const Members&members) {
                  return count_of(members, [](const NodeState& node) { return node.is_held; });
              }}}) {
        out.begin(name, "gauge", help);
        for (const Rollout* rollout : running)
            out.add(number(value(*rollout, members_of(records, *rollout))), {{"rollout", rollout->id}});
    }
}

void write_gauge(Exposition& out, const char* name, const char* help, double value) {
    out.begin(name, "gauge", help);
    out.add(value);
}

} // namespace

Result<Answer> get_metrics(ApiCall& call) {
    Exposition out;
    std::shared_ptr<const BootTable> table = call.daemon.table();
    ServiceState state = call.daemon.state();
    Result<Records> records = load_records(*call.database);
    out.begin("mangrove_head_build_info", "gauge", "The version of mangrove-head.");
    out.add(1, {{"version", call.daemon.version}});
    write_gauge(out, "mangrove_head_database_up", "Whether the database can be read.", records ? 1 : 0);
    write_gauge(out, "mangrove_head_up_to_date", "Whether what is served is as the database has it.",
                state.problem.empty() ? 1 : 0);
    write_gauge(out, "mangrove_head_problems", "Problems that keep nodes from booting.",
                number(table->problems.size()));
    write_gauge(out, "mangrove_head_failed_boots", "Nodes whose last boot failed.",
                number(call.daemon.reports->failures().size()));
    write_gauge(out, "mangrove_head_admission_waiting_nodes", "Nodes that wait for their turn to start.",
                number(state.waiting));
    out.begin("mangrove_head_admission_deferred_total", "counter", "Requests of nodes that had to wait.");
    out.add(static_cast<double>(state.deferred));
    if (records) {
        write_nodes(out, *records, *table);
        write_rollouts(out, *records);
    }
    call.daemon.meter->write(out);
    return Answer{.body = out.text(), .type = "text/plain; version=0.0.4; charset=utf-8"};
}

Result<Answer> list_targets(ApiCall& call) {
    constexpr uint64_t kNodeExporter = 9100;
    std::string written = query_value(call.asked.target, "port");
    std::optional<uint64_t> port = written.empty() ? kNodeExporter : parse_number(written);
    if (!port || *port == 0 || *port > 65535)
        return problem_answer(400, "port: expected a number from 1 to 65535");
    Inventory inventory = TRY(Inventory::load(*call.database));
    std::vector<std::string> names = inventory.names("node");
    std::string wanted = query_value(call.asked.target, "select");
    if (!wanted.empty()) names = TRY(inventory.select(wanted));
    Records records = TRY(load_records(*call.database));
    return json_answer(list_of(names, [&](const std::string& name) {
        const NodeState* node = records.find(name);
        Json json = make_json_object();
        add_texts(json.get(), "targets", {text(name, ":", *port)});
        cJSON* labels = add_object(json.get(), "labels");
        add_text(labels, "node", name);
        // Commas on both sides let a pattern find one of them.
        add_text(labels, "__meta_mangrove_groups",
                 text(",", join(inventory.groups_of(*inventory.find("node", name)), ","), ","));
        add_text(labels, "__meta_mangrove_state", node ? std::string(name_of(node->state)) : "none");
        add_text(labels, "__meta_mangrove_release", node ? node->committed : "");
        return json;
    }));
}

} // namespace mangrove::head
