#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "system/system.h"

namespace mangrove {

/// What the root is read from: a block device or a directory of a server, as the running system has it.
struct Storage {
    std::string name; ///< for the log
    std::string path;
    bool is_read_only = false; ///< nothing on it ever changes

    bool operator==(const Storage&) const = default;
};

/// Starts the keeper: a process for each of the system's charges, which makes its connection anew whenever it
/// is lost, for as long as the machine runs, one that reads from each storage now and then, and the system's
/// residents. With nothing to look after nothing is started.
///
/// When the machine is shut down while a part of its storage is away, another process waits a minute for it
/// and then ends the machine, for what is on that disk can't be reached any more, not even by the real init.
/// It learns of the shutdown by units that it gives to systemd; with another init it waits for ever.
Result<> start_keeper(System& system, const std::vector<Storage>& storage);

/// Where the state of each charge is, a file each (docs/keeper.md).
inline constexpr const char* kKeeperDirectory = "/run/mangrove/keeper";

} // namespace mangrove
