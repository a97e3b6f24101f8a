#pragma once

#include <filesystem>
#include <string>

#include "head/host/progress.h"
#include "head/image/store.h"

namespace mangrove::head {

struct PullRequest {
    std::string from;                    ///< oci://REGISTRY/REPOSITORY:TAG, or …@DIGEST
    std::filesystem::path authfile = {}; ///< containers-auth.json(5); empty: skopeo's own
};

/// Puts an image that `publish --over oci` has pushed into the store, with its kernel and initramfs.
Result<Image> pull_image(const Store& store, const PullRequest& request, Progress& progress);

} // namespace mangrove::head
