#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "base/result.h"

namespace mangrove::head {

/// `origin` names the text in the error.
Result<Json> parse_json(const std::string& text, std::string_view origin);
/// Over several lines, for people, with a newline at the end.
std::string indented_json(const cJSON* json);

void add_text(cJSON* object, const char* key, const std::string& value);
cJSON* add_object(cJSON* object, const char* key);
void add_texts(cJSON* object, const char* key, const std::vector<std::string>& texts);
/// Applies a JSON merge patch (RFC 7396) to an object.
void merge_patch(cJSON* target, const cJSON* patch);

} // namespace mangrove::head
