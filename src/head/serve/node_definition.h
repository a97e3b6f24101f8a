#pragma once

#include <string>
#include <vector>

#include "base/json.h"
#include "base/result.h"
#include "head/rollout/release.h"
#include "head/serve/signed_definition.h"

namespace mangrove::head {

/// The additions of the head node to the definition of a publication, for one node.
struct NodeAdditions {
    std::string name;
    const cJSON* values = nullptr;       ///< the node's value `definition`; nullptr: none
    std::vector<std::string> files = {}; ///< digests of rendered sets; the last is the uppermost
    std::string files_url = {};          ///< theirs, with "{digest}"
    std::string live_url = {};           ///< empty: no live files
    std::string release = {};            ///< empty: none
    std::string health_url = {};         ///< where health is posted to, unless `values` says another
    int health_interval = 60;            ///< seconds
    std::string report_url = {};         ///< where the report is posted, unless `values` says another
};

/// Returns a publication's definition in which the members of `values` (a value `definition`) replace its
/// own.
Result<std::string> shared_definition(const std::string& published, const cJSON* values);

/// Returns the definition of a node. The members of the value `definition` replace those of the publication's
/// (RFC 7396); its `layers`, a list of mounts, are put above the image, and its `upper` becomes that of the
/// overlay. Errors name the place in it.
Result<std::string> node_definition(const std::string& published, const NodeAdditions& additions);

/// Returns the envelope with a signed definition, and the additions for a node beside it. An error where the
/// node needs one that only the signer may make. `mac`: by which its tree has the files of the node.
Result<std::string> signed_node_definition(const SignedDefinition& definition, const std::string& mac,
                                           const NodeAdditions& additions);

/// Returns the value `definition` of a node's values, with the members of the release's definition in the
/// place of its own. nullptr: no release.
Json definition_values(const cJSON* values, const Release* release);

/// Whether what is written to the root outlives the boot.
bool keeps_writes(const std::string& definition);

} // namespace mangrove::head
