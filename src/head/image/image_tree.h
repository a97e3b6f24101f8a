#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include "base/result.h"
#include "head/host/progress.h"

namespace mangrove::head {

/// The hash tree with which nodes verify each block of an image that they read (dm-verity).
struct ImageTree {
    std::string root_hash = {};
    uint64_t offset = 0; ///< of its superblock in the image's file
};

/// Appends the tree to a file system in a file, in the format of `veritysetup format`. The same bytes and
/// seed give the same tree.
Result<ImageTree> append_tree(const std::filesystem::path& file, const std::string& seed, Progress& progress);

} // namespace mangrove::head
