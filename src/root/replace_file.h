#pragma once

#include <string>

#include "root/root.h"

namespace mangrove {

/// Replaces a file of the root, and adds it to `root.written`. In a read-only root, mounts a copy below /run
/// over the file, which must exist then.
Result<> replace_file(System& system, Root& root, const std::string& path, const std::string& contents);

} // namespace mangrove
