#pragma once

#include <string>

#include "root/root.h"

namespace mangrove {

/// Replaces a file of the root, and adds it to `root.written`. In a read-only root a copy below /run is
/// mounted over it, which must be there then.
Result<> replace_file(System& system, Root& root, const std::string& path, const std::string& contents);

} // namespace mangrove
