#pragma once

#include "base/result.h"
#include "base/unique_fd.h"

namespace mangrove {

/// Opens a path with openat2(2) and RESOLVE_IN_ROOT, for which libraries have no function: returns a
/// descriptor (O_PATH), or a closed one and errno. `flags` are additional flags, such as O_DIRECTORY.
UniqueFd open_in_root(const UniqueFd& root, const std::string& path, int flags = 0);
/// Returns the path of the descriptor's file, as the kernel has it.
Result<std::string> path_of(const UniqueFd& fd, const std::string& operation);

/// Resolves a path in a tree as if the tree's directory were the root: links, ".." and a leading slash stay
/// inside it. Returns a path of this machine without links; the file exists.
Result<std::string> resolve_in_root(const std::string& root, const std::string& path);

} // namespace mangrove
