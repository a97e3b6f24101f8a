#pragma once

#include <string>
#include <vector>

#include "keeper/keeper.h"

namespace mangrove {

/// One mount of the root, as mountinfo has it (proc_pid_mountinfo(5)).
struct Layer {
    std::string mount_point;
    std::string type;
    std::string source;
    std::string options; ///< of the file system
    bool is_read_only = false;
};

/// Returns the layers of the root in mountinfo's order, the root itself first. `root` is its mount point.
std::vector<Layer> layers_in(const std::string& mountinfo, const std::string& root);

/// Returns the storage of the layers that may be away: servers' directories, disks, and loop devices of files
/// that may be in such a directory, or served by a process of ours.
std::vector<Storage> storage_of(const std::vector<Layer>& layers, const std::string& root,
                                const std::vector<std::shared_ptr<WatchedConnection>>& connections);

} // namespace mangrove
