#pragma once

#include "base/result.h"

namespace mangrove {

/// Where a path leads in a tree when the tree's directory is the root: links, ".." and a slash in front stay
/// in it. The answer is a path of this machine without links, of something that is there.
Result<std::string> resolve_in_root(const std::string& root, const std::string& path);

} // namespace mangrove
