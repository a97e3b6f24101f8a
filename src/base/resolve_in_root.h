#pragma once

#include "base/result.h"
#include "base/unique_fd.h"

namespace mangrove {

/// openat2(2) with RESOLVE_IN_ROOT, for which libraries have no function: a descriptor of the place (O_PATH),
/// or a closed one and errno. `flags` are further ones, O_DIRECTORY.
UniqueFd open_in_root(const UniqueFd& root, const std::string& path, int flags = 0);
/// Where the descriptor's file is, as the kernel has it.
Result<std::string> path_of(const UniqueFd& fd, const std::string& operation);

/// Where a path leads in a tree when the tree's directory is the root: links, ".." and a slash in front stay
/// in it. The answer is a path of this machine without links, of something that is there.
Result<std::string> resolve_in_root(const std::string& root, const std::string& path);

} // namespace mangrove
