#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "definition/parse.h"

namespace mangrove::definition {

/// Where a value begins, from 1, the column in characters.
struct Position {
    size_t line = 0;
    size_t column = 0;
};

struct Scan {
    std::map<std::string, Position> positions; ///< by JSON path ("" is the whole text)
    std::vector<Problem> problems;             ///< in the order of the text
    bool is_json = false;                      ///< the text can be parsed; there may be problems all the same
};

/// Reads JSON as RFC 8259 has it, strictly: what lenient parsers let pass (duplicate keys, bytes that are not
/// UTF-8, numbers that are out of the range of a double, text after the end) is a problem with its place. It
/// finds where each value stands, which cJSON does not tell.
Scan scan(std::string_view text);

/// A JSON path and one step further: "mount" and "kind" make "mount.kind".
std::string member_path(const std::string& path, std::string_view key);
std::string element_path(const std::string& path, size_t index);

} // namespace mangrove::definition
