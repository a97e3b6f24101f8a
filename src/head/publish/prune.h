#pragma once

#include "head/publish/publishing.h"

namespace mangrove::head {

struct PruneRequest {
    size_t keep = 1; ///< newest images of each name that stay
    bool is_dry_run = false;
};

struct Pruned {
    std::vector<Image> removed;
    std::vector<Image> in_use; ///< older images that stay, as they are published
};

/// Removes the images of the store that are older than the newest `keep` of their name, unless they are
/// published.
Result<Pruned> prune_images(const Directories& directories, const PruneRequest& request, Progress& progress);

} // namespace mangrove::head
