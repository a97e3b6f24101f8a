#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/json.h"
#include "base/result.h"

/// YAML with the lines that it was written in, for files that others wrote.
namespace mangrove::head {

struct YamlTree {
    enum class Kind { null, scalar, list, map };
    Kind kind = Kind::null;
    size_t line = 0; ///< from 1
    std::string text = {};
    bool is_quoted = false;
    std::vector<YamlTree> items = {};
    std::vector<std::pair<std::string, YamlTree>> entries = {}; ///< of a map, in their order

    /// Returns the entry of a map, or null.
    const YamlTree* find(std::string_view key) const;
};

/// Parses one document. Aliases and merge keys ("<<") are resolved; a key that is there twice is an error.
/// Errors name `file` and line.
Result<YamlTree> parse_yaml_tree(const std::string& contents, const std::string& file);

/// Returns it as JSON, in which a word without quotes is what plain_value makes of it.
Json to_json(const YamlTree& tree);

} // namespace mangrove::head
