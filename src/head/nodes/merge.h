#pragma once

#include <map>
#include <string>
#include <vector>

#include "base/json.h"

/// How the values of groups and of a node become one: from left to right, of scalars the rightmost, objects
/// member by member, lists one after the other unless the key ends in "!".
namespace mangrove::head {

/// A scalar, an element of a list or an empty collection, and who gave it.
struct Source {
    std::string value; ///< JSON
    std::string from;  ///< "group compute"
    std::vector<Source> hides = {};

    bool operator==(const Source&) const = default;
};

/// By the JSON path ("values.dns[0]").
using Sources = std::map<std::string, Source>;

/// Returns what commands and the API show of where values come from.
Json description_of(const Sources& sources);

/// Merges `object` into `target`. `sources`: nullptr if nobody asks.
void merge_into(cJSON* target, const cJSON* object, const std::string& from, Sources* sources,
                const std::string& path = "");

/// "values.a" of "values" and "a"
std::string join_path(const std::string& parent, const std::string& key);

/// One line of JSON.
std::string one_line(const cJSON* json);

} // namespace mangrove::head
