#include <algorithm>

#include "head/api/answering.h"
#include "head/api/routes.h"
#include "head/files/file_store.h"
#include "head/host/json.h"
#include "head/image/store.h"
#include "head/nodes/discovered.h"
#include "head/nodes/node_set.h"
#include "head/publish/journal.h"
#include "head/serve/needs_restart.h"

namespace mangrove::head {

namespace {

template <typename All>
Answer described(const All& all) {
    return json_answer(list_of(all, [](const auto& one) { return description_of(one); }));
}

Result<std::vector<Discovered>> machines_of(ApiCall& call) {
    return list_discovered(*call.database, TRY(Inventory::load(*call.database)));
}

/// The machine of the path; nullptr where it has not asked.
const Discovered* find_machine(const std::vector<Discovered>& machines, const std::string& written) {
    Result<std::string> mac = normalize_mac(written);
    auto found = mac ? std::ranges::find(machines, *mac, &Discovered::mac) : machines.end();
    return found == machines.end() ? nullptr : &*found;
}

Answer no_machine(const ApiCall& call) {
    return problem_answer(404, text("machine ", call.names[0], ": it has not asked to boot"));
}

} // namespace

Result<Answer> get_status(ApiCall& call) {
    std::shared_ptr<const BootTable> table = call.daemon.table();
    ServiceState state = call.daemon.state();
    Json json = make_json_object();
    cJSON_AddNumberToObject(json.get(), "nodes", static_cast<double>(table->nodes.size()));
    add_texts(json.get(), "problems", table->problems);
    cJSON_AddNumberToObject(json.get(), "deferred", static_cast<double>(state.deferred));
    if (!state.problem.empty()) add_text(json.get(), "stale", state.problem);
    return json_answer(json);
}

Result<Answer> get_operator(ApiCall& call) {
    Json json = make_json_object();
    add_text(json.get(), "name", call.who.name);
    add_text(json.get(), "role", std::string(role_name(call.who.role)));
    return json_answer(json);
}

Result<Answer> list_boots(ApiCall& call) {
    Inventory inventory = TRY(Inventory::load(*call.database));
    Result<const Object*> node = inventory.get("node", call.names[0]);
    if (!node) return not_found(node.error());
    return described(call.daemon.reports->of_node((*node)->name));
}

Result<Answer> get_needs_restart(ApiCall& call) {
    Inventory inventory = TRY(Inventory::load(*call.database));
    std::string wanted = query_value(call.asked.target, "select");
    NeedsRestart found = needs_restart(
        *call.daemon.table(), TRY(inventory.select(wanted.empty() ? "all" : wanted)), *call.daemon.reports);
    Json json = make_json_object();
    for (const auto& [key, nodes] :
         {std::pair("reasons", &found.reasons), std::pair("unknown", &found.unknown)}) {
        cJSON* reasons = add_object(json.get(), key);
        for (const auto& [reason, names] : *nodes)
            add_text(reasons, reason.c_str(), fold_nodes(names));
    }
    return json_answer(json);
}

Result<Answer> list_machines(ApiCall& call) {
    return json_answer(
        list_of(TRY(machines_of(call)), [](const Discovered& machine) { return to_json(machine); }));
}

Result<Answer> accept_machine(ApiCall& call) {
    std::vector<Discovered> machines = TRY(machines_of(call));
    const Discovered* machine = find_machine(machines, call.names[0]);
    if (!machine) return no_machine(call);
    Json body = TRY(object_in(call.asked));
    std::vector<std::string> names = TRY(expand_nodes(text_at(body.get(), "names"), {}));
    Json fields = make_json_object();
    if (const cJSON* given = cJSON_GetObjectItemCaseSensitive(body.get(), "fields"))
        fields = Json(cJSON_Duplicate(given, true));
    return write_plan(call, TRY(plan_changes(*call.database, [&](const Inventory& now) {
                          return accept_discovered(now, {*machine}, names, fields.get());
                      })));
}

Result<Answer> forget_machine(ApiCall& call) {
    std::vector<Discovered> machines = TRY(machines_of(call));
    const Discovered* machine = find_machine(machines, call.names[0]);
    if (!machine) return no_machine(call);
    TRY(forget_discovered(*call.database, {*machine}));
    return Answer{.status = 204};
}

Result<Answer> list_profiles(ApiCall& call) {
    return described(call.daemon.profiles->list());
}

Result<Answer> get_profile(ApiCall& call) {
    std::optional<BootProfile> posted = call.daemon.profiles->of_node(call.names[0]);
    if (!posted) return problem_answer(404, text("node ", call.names[0], ": it has posted no profile"));
    return Answer{.body = to_text(*posted), .type = "application/json"};
}

Result<Answer> request_profiles(ApiCall& call) {
    Inventory inventory = TRY(Inventory::load(*call.database));
    std::string wanted = query_value(call.asked.target, "select");
    if (wanted.empty()) return problem_answer(400, "?select= names no nodes");
    std::vector<std::string> nodes = TRY(inventory.select(wanted));
    for (const std::string& node : nodes)
        TRY(call.daemon.profiles->request(node));
    Json json = make_json_object();
    add_text(json.get(), "nodes", fold_nodes(nodes));
    return json_answer(json);
}

Result<Answer> list_images(ApiCall& call) {
    return described(TRY(Store(call.directories.images).list()));
}

Result<Answer> list_publications(ApiCall& call) {
    return described(TRY(Journal::list(call.directories.publications)));
}

Result<Answer> list_files(ApiCall& call) {
    return described(TRY(list_file_sets(*call.database)));
}

Result<Answer> get_files(ApiCall& call) {
    Result<FileSet> set = find_file_set(*call.database, call.names[0]);
    if (!set) return not_found(set.error());
    return json_answer(description_of(*set));
}

Result<Answer> list_tokens(ApiCall& call) {
    return described(TRY(list_tokens(*call.database)));
}

Result<Answer> add_token(ApiCall& call) {
    Role role = TRY(role_from(text_at(TRY(object_in(call.asked)).get(), "role")));
    Json json = make_json_object();
    add_text(json.get(), "token", TRY(make_token(*call.database, call.names[0], role, call.who.name)));
    return json_answer(json);
}

Result<Answer> delete_token(ApiCall& call) {
    Result<> removed = remove_token(*call.database, call.names[0]);
    if (!removed) return not_found(removed.error());
    return Answer{.status = 204};
}

} // namespace mangrove::head
