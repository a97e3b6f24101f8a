#include "head/serve/operator_answers.h"

#include "head/host/json.h"

namespace mangrove::head {

namespace {

Answer json_answer(const Json& json) {
    return {.body = print_json(json) + "\n", .type = "application/json"};
}

Answer status_of(const BootTable& table, const ServiceState& state) {
    Json json = make_json_object();
    cJSON_AddNumberToObject(json.get(), "nodes", static_cast<double>(table.nodes.size()));
    add_texts(json.get(), "problems", table.problems);
    cJSON_AddNumberToObject(json.get(), "deferred", static_cast<double>(state.deferred));
    if (!state.problem.empty()) add_text(json.get(), "stale", state.problem);
    return json_answer(json);
}

Json description_of(const ServedNode& node) {
    Json json = make_json_object();
    add_text(json.get(), "name", node.name);
    add_text(json.get(), "image", node.image);
    add_text(json.get(), "trust", node.trust == Trust::open ? "open" : "address");
    add_texts(json.get(), "files", {node.files.begin(), node.files.end()});
    if (!node.problem.empty()) add_text(json.get(), "problem", node.problem);
    return json;
}

} // namespace

Answer answer_operator(const BootTable& table, const ServiceState& state, const Asked& asked) {
    if (asked.method != "GET") return {.status = 405, .body = "only GET\n"};
    std::string path = asked.target.substr(0, asked.target.find('?'));
    if (path == "/v1/status") return status_of(table, state);
    if (path == "/v1/nodes") {
        Json list(cJSON_CreateArray());
        for (const auto& [name, node] : table.nodes)
            cJSON_AddItemToArray(list.get(), description_of(node).release());
        return json_answer(list);
    }
    if (path.starts_with("/v1/nodes/"))
        if (const ServedNode* node = table.by_name(path.substr(10)))
            return json_answer(description_of(*node));
    return {.status = 404, .body = "not found\n"};
}

} // namespace mangrove::head
