#pragma once

#include <string>
#include <vector>

#include "base/json.h"
#include "base/result.h"

namespace mangrove::head {

/// One layer from the head node: a rendered set of files.
struct FilesLayer {
    std::string url;
    std::string digest; ///< SHA-256
};

/// The additions of the head node to the definition of a publication, for one node.
struct NodeAdditions {
    std::string name;
    const cJSON* values = nullptr;      ///< the node's value `definition`; nullptr: none
    std::vector<FilesLayer> files = {}; ///< the last is the uppermost
    std::string live_url = {};          ///< empty: no live files
    std::string release = {};           ///< empty: none
    std::string health_url = {};        ///< where health is posted to, unless `values` says another
    int health_interval = 60;           ///< seconds
    std::string report_url = {};        ///< where the report is posted, unless `values` says another
};

/// Returns the definition of a node. The members of the value `definition` replace those of the publication's
/// (RFC 7396); its `layers`, a list of mounts, are put above the image, and its `upper` becomes that of the
/// overlay. Errors name the place in it.
Result<std::string> node_definition(const std::string& published, const NodeAdditions& additions);

} // namespace mangrove::head
