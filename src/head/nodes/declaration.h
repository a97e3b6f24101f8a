#pragma once

#include <filesystem>
#include <string>

#include "head/nodes/changes.h"

/// Nodes and groups in files:
///
///   groups:
///     compute: {values: {kernel: {arguments: [quiet]}}}
///   nodes:
///     n001: {macs: ["52:54:00:12:34:56"], groups: [compute]}
namespace mangrove::head {

/// Whether nodes and groups that the files do not name are deleted.
enum class Others { stay, are_deleted };

/// Reads a file, or the files *.yaml, *.yml and *.json of a directory. An object in two files is an error.
Result<Edits> read_declaration(const std::filesystem::path& path, const Inventory& now, Others others);

/// The same of one document. `origin` names it in errors.
Result<Edits> read_declaration(const Json& json, const std::string& origin, const Inventory& now,
                               Others others);

/// Writes nodes.yaml and groups.yaml, from which read_declaration makes the same inventory.
Result<> export_inventory(const Inventory& inventory, const std::filesystem::path& directory);

/// The form of `noun` in these files.
Json declare(const Inventory& inventory, const std::string& noun);

} // namespace mangrove::head
