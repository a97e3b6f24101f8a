#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "definition/parse.h"

namespace mangrove::definition {

/// The position where a value begins, from 1, the column in characters.
struct Position {
    size_t line = 0;
    size_t column = 0;
};

struct Scan {
    std::map<std::string, Position> positions; ///< by JSON path ("" is the whole text)
    std::vector<Problem> problems;             ///< in the order of the text
    bool is_json = false;                      ///< the text can be parsed; there may be problems all the same
};

/// Reads JSON strictly (RFC 8259): things that lenient parsers accept (duplicate keys, bytes that are not
/// UTF-8, numbers out of the range of a double, text after the end) are problems with their position. Records
/// where each value begins, which cJSON does not.
Scan scan(std::string_view text);

/// Extends a JSON path by one step: "mount" and "kind" make "mount.kind".
std::string member_path(const std::string& path, std::string_view key);
std::string element_path(const std::string& path, size_t index);

} // namespace mangrove::definition
