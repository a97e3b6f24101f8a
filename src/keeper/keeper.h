#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "machine/watched_connection.h"
#include "system/system.h"

namespace mangrove {

/// A storage that the root is read from: a block device or a directory of a server, as the running system has
/// it.
struct Storage {
    std::string name; ///< for the log
    std::string path;
    bool is_read_only = false; ///< nothing on it ever changes
    std::string type = {};     ///< of its file system

    bool operator==(const Storage&) const = default;
};

/// Starts the keeper: a process for each connection, which reconnects whenever it is lost, for as long as the
/// machine runs; one that reads from each storage now and then; and the other residents. Starts nothing when
/// there is nothing to watch.
///
/// When the machine shuts down while a part of its storage is away, another process waits a minute for it and
/// then ends the machine, because even the real init cannot be reached on that disk any more. It learns of
/// the shutdown through units that it gives to systemd; with another init it waits for ever.
Result<> start_keeper(System& system, const std::vector<std::shared_ptr<WatchedConnection>>& connections,
                      const std::vector<Resident>& others, const std::vector<Storage>& storage);

/// The keeper of the root at a moment.
struct KeeperOfRoot {
    std::vector<int> processes;
    std::vector<std::string> states; ///< the files of their states
};
Result<KeeperOfRoot> look_at_keeper(System& system);

/// Ends a keeper whose root is gone, with its states. What outlives a root goes on, and so does each keeper
/// that was started since.
void retire_keeper(System& system, const KeeperOfRoot& keeper);

} // namespace mangrove
