#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "base/result.h"

/// Nodes and groups as an administrator writes them.
///
///   node:  macs[], uuid, groups[], values{}, bmc{}, interfaces{}
///   group: groups[], values{}, files[], match, bmc{}, interfaces{}
///
/// An entry "~NAME" of `groups` leaves that group out wherever else it comes from.
namespace mangrove::head {

struct Object {
    std::string noun; ///< "node" or "group"
    std::string name;
    Json fields = make_json_object();
    uint64_t revision = 0; ///< in the database; 0: not there

    /// "node/n001", as in the database
    std::string key() const { return noun + "/" + name; }
    /// "node n001"
    std::string title() const { return noun + " " + name; }
};

/// By their keys.
using Objects = std::map<std::string, Object>;

Object copy_of(const Object& object);

/// The type of a field's value.
enum class FieldType { text, texts, number, flag, any, object };

/// Returns the type of the field at a path ("bmc.user", "values.kernel.arguments", "interfaces.eth0.mtu").
/// The error suggests a name.
Result<FieldType> field_type(const std::string& noun, const std::string& path);

/// Checks one object alone, and writes MAC addresses and UUIDs in lower case with their separators. Errors
/// name the object and the JSON path.
Result<> check_object(Object& object);

/// Checks that groups exist and are acyclic, and that names, MAC addresses and UUIDs are unique.
Result<> check_objects(const Objects& all);

/// Checks a name alone: "node", "group" or "files" is its noun.
Result<> check_name(std::string_view noun, std::string_view name);

/// "52:54:00:12:34:56" from any usual notation of 6, 8 or 20 bytes.
Result<std::string> normalize_mac(std::string_view written);

/// All MAC addresses of a node, those of its interfaces among them.
std::vector<std::string> macs_of(const Object& node);

/// Returns the name as a JSON text, so that a newline in it stays on its line.
std::string quoted_name(std::string_view name);

} // namespace mangrove::head
