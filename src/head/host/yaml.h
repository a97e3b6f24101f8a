#pragma once

#include <string>
#include <string_view>

#include "base/json.h"
#include "base/result.h"

namespace mangrove::head {

/// Parses one YAML document into JSON. Errors have the form "ORIGIN:LINE: problem". What is not quoted is
/// taken by plain_value; a key is always a text. Keys that occur twice, tags, merge keys and aliases that
/// expand to millions of values are errors.
Result<Json> parse_yaml(const std::string& text, std::string_view origin);

/// Returns what an unquoted word means: null (also "~" and nothing), true, false, a number that is printed as
/// it was written (so 010, 1.10, 0x1F and 52:54:00 are none), or else the text itself, "yes" and "off" too.
Json plain_value(const std::string& word);

/// Writes JSON as YAML that parse_yaml reads back as the same, in blocks, with a newline at the end.
std::string to_yaml(const cJSON* json);

} // namespace mangrove::head
