#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "head/files/file_store.h"
#include "head/nodes/inventory.h"

/// Secrets for templates, in the database beside the nodes. They are no fields of nodes and have no history.
namespace mangrove::head {

struct Secret {
    std::string name;
    std::string time; ///< when it was written, "2026-11-29T21:35:00Z"
    std::string who;
    uint64_t size = 0; ///< in bytes

    std::string key() const { return "secret/" + name; }
};

inline constexpr size_t kMostBytesOfSecret = 64UL << 10;

/// Returns all, by their names, without their values.
Result<std::vector<Secret>> list_secrets(Database& database);
Result<std::map<std::string, std::string>> secret_values(Database& database);
/// Nothing where there is none of this name.
Result<std::optional<std::string>> secret_value(Database& database, const std::string& name);
/// Returns the names with placeholders for the values, for previews.
Result<std::map<std::string, std::string>> secret_placeholders(Database& database);

/// Writes a secret. Nothing where it has this value already.
Result<std::optional<Secret>> set_secret(Database& database, const std::string& name,
                                         const std::string& value, const std::string& who);
/// An error while a template, or the BMC of a node or group, names it.
Result<> remove_secret(Database& database, const FileStore& store, const Inventory& inventory,
                       const std::string& name);

} // namespace mangrove::head
