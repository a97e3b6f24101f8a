#pragma once

#include <string>

#include "base/json.h"
#include "head/api/api.h"

namespace mangrove::head {

Answer json_answer(const Json& json);
/// Returns a problem (RFC 9457).
Answer problem_answer(unsigned status, const std::string& detail);

/// To what is not there; to a database that is away.
Answer not_found(const Error& error);

/// If-Match: "7" or *, as RFC 9110 has it, against the revision of an object; 0: it is not there.
bool is_match(std::string_view condition, uint64_t revision);

/// Whether the query has a parameter, with or without a value.
bool has_query(std::string_view target, std::string_view name);

/// Returns the body as an object; the error names the problem in it.
Result<Json> object_in(const Asked& asked);

/// Writes a plan, or only shows what it would change (`?dry-run`).
Result<Answer> write_plan(ApiCall& call, ChangePlan plan);

/// Builds a list of JSON.
template <typename All, typename Describe>
Json list_of(const All& all, const Describe& describe) {
    Json list(cJSON_CreateArray());
    for (const auto& one : all)
        cJSON_AddItemToArray(list.get(), describe(one).release());
    return list;
}

} // namespace mangrove::head
