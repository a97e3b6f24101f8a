#pragma once

#include <string>
#include <vector>

#include "head/files/file_tree.h"

namespace mangrove::head {

/// Returns a line for each file that differs ("+ ./etc/hosts", "~ ./etc/hosts: what differs"), each followed
/// by the lines of `diff -u` where two texts differ.
Result<std::vector<std::string>> tree_differences(const FileTree& before, const FileTree& after);

} // namespace mangrove::head
