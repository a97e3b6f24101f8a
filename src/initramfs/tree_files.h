#pragma once

#include <string>

#include "base/result.h"

namespace mangrove {

/// Resolves a path of the tree below `root` to a path of this machine. Links of another machine's tree stay
/// inside it.
Result<std::string> place_in(const std::string& root, const std::string& path);
Result<std::string> read_in(const std::string& root, const std::string& path);

/// Checks a name from a module or an index of the tree before it becomes part of a path.
Result<> check_name(const std::string& name);

} // namespace mangrove
