#include "head/api/answering.h"

#include "head/host/json.h"
#include "head/rollout/node_changes.h"

namespace mangrove::head {

namespace {

const char* title_of(unsigned status) {
    switch (status) {
    case 400:
        return "Bad Request";
    case 401:
        return "Unauthorized";
    case 403:
        return "Forbidden";
    case 404:
        return "Not Found";
    case 405:
        return "Method Not Allowed";
    case 409:
        return "Conflict";
    case 412:
        return "Precondition Failed";
    case 428:
        return "Precondition Required";
    case 502:
        return "Bad Gateway";
    default:
        return "Service Unavailable";
    }
}

Json written_json(const std::vector<std::string>& diff, uint64_t event) {
    Json json = make_json_object();
    if (event != 0) cJSON_AddNumberToObject(json.get(), "event", static_cast<double>(event));
    add_texts(json.get(), "diff", diff);
    return json;
}

} // namespace

Answer json_answer(const Json& json) {
    return {.body = print_json(json) + "\n", .type = "application/json"};
}

Answer problem_answer(unsigned status, const std::string& detail) {
    Json json = make_json_object();
    cJSON_AddNumberToObject(json.get(), "status", status);
    add_text(json.get(), "title", title_of(status));
    add_text(json.get(), "detail", detail);
    return {.status = status, .body = print_json(json) + "\n", .type = "application/problem+json"};
}

Answer not_found(const Error& error) {
    return problem_answer(error.is_transient() ? 503 : 404, describe(error));
}

bool is_match(std::string_view condition, uint64_t revision) {
    if (condition == "*") return revision != 0;
    for (const std::string& tag : split(condition, ','))
        if (trim(tag) == text("\"", revision, "\"")) return true;
    return false;
}

bool has_query(std::string_view target, std::string_view name) {
    size_t begin = target.find('?');
    if (begin == std::string_view::npos) return false;
    for (const std::string& pair : split(target.substr(begin + 1), '&'))
        if (pair.substr(0, pair.find('=')) == name) return true;
    return false;
}

Result<Json> object_in(const Asked& asked) {
    Json json = TRY(parse_json(asked.body, "the body"));
    if (!cJSON_IsObject(json.get())) return permanent_error("the body: expected a JSON object");
    return json;
}

Result<Answer> write_plan(ApiCall& call, ChangePlan plan) {
    std::vector<std::string> diff = plan.diff;
    uint64_t event = 0;
    if (!plan.edits.empty() && !has_query(call.asked.target, "dry-run"))
        event = TRY(commit_plan(*call.database, std::move(plan), call.author(), follow_nodes));
    return json_answer(written_json(diff, event));
}

} // namespace mangrove::head
