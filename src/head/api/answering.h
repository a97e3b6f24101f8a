#pragma once

#include <string>

#include "base/json.h"
#include "head/api/api.h"

namespace mangrove::head {

Answer json_answer(const Json& json);
/// Returns a problem (RFC 9457).
Answer problem_answer(unsigned status, const std::string& detail);

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
