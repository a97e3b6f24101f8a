#pragma once

#include <map>
#include <string>
#include <vector>

#include "live/file_version.h"
#include "live/node_tree.h"

namespace mangrove {

/// The contents of an unpacked set, by path.
struct SetTree {
    std::map<std::string, FileVersion> files; ///< files and links
    WantedDirectories directories;
    std::vector<std::string> others; ///< devices, pipes and sockets
};

/// Reads a tree that nobody else changes.
Result<SetTree> read_set(const std::string& directory);

} // namespace mangrove
