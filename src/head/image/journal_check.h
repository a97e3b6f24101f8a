#pragma once

#include <filesystem>

#include "base/result.h"
#include "head/host/progress.h"

namespace mangrove::head {

/// An error where the file system in a file or device was not unmounted cleanly: ext3 and ext4 that need
/// recovery, XFS and Btrfs with a log. A node that gets it read-only cannot replay the journal, and mounting
/// fails.
Result<> check_journal(const std::filesystem::path& file, Progress& progress);

} // namespace mangrove::head
