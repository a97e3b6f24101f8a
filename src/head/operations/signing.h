#pragma once

#include <string>
#include <vector>

#include "head/host/directories.h"
#include "head/rollout/release.h"
#include "trust/node_files.h"

namespace mangrove::head {

/// For how long a signature holds; empty and 0: as the definition says.
struct Validity {
    std::string until = {};
    uint64_t serial = 0;
};

/// Returns the definition with both keys. An error where nodes would not understand it.
Result<std::string> with_validity(const std::string& definition, const Validity& validity);

/// The definition that all nodes of a release share, and why some of them could not boot it.
struct SharedDefinition {
    std::string definition;
    trust::FilesTree files{};
    std::vector<std::string> problems = {};
};

/// Renders the files of a release for `nodes` (a node set) and pins them in its definition.
Result<SharedDefinition> definition_to_sign(Database& database, const Directories& directories,
                                            const Release& release, const std::string& nodes);

} // namespace mangrove::head
