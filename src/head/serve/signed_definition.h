#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>

#include "head/nodes/database.h"
#include "head/nodes/objects.h"
#include "trust/envelope.h"
#include "trust/node_files.h"

namespace mangrove::head {

/// A definition that somebody has signed for a release.
struct SignedDefinition {
    trust::Envelope envelope;
    trust::FilesTree tree{}; ///< of the files of nodes, by mac_in_tree()
};

/// Returns the name by which the tree has the files of a node; empty: it has no MAC address.
std::string mac_in_tree(const Object& node);

/// Returns what is kept of it with the release (rollout/release.h).
std::string to_json(const SignedDefinition& definition);
Result<SignedDefinition> signed_definition_from(const std::string& json);

/// Returns those of all releases, by the release.
Result<std::map<std::string, SignedDefinition>> list_signed_definitions(Database& database);
/// Returns that of a publication (publish/record.h); nothing where nobody has signed one.
Result<std::optional<SignedDefinition>> signed_definition_at(const std::filesystem::path& envelope);

} // namespace mangrove::head
