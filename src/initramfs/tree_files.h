#pragma once

#include <string>

#include "base/result.h"

namespace mangrove {

/// Where a path of the tree below `root` leads on this machine. In a tree that is not this machine's, links
/// lead nowhere else.
Result<std::string> place_in(const std::string& root, const std::string& path);
Result<std::string> read_in(const std::string& root, const std::string& path);

/// For a name that stands in a module or an index of the tree's, and becomes part of paths.
Result<> check_name(const std::string& name);

} // namespace mangrove
