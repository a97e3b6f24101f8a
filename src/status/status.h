#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/json.h"
#include "base/result.h"
#include "live/state.h"
#include "machine/watched_connection.h"
#include "root/layers.h"
#include "system/system.h"

namespace mangrove {

/// The space of a file system, in bytes.
struct Space {
    uint64_t size = 0;
    uint64_t used = 0;
};
using SpaceOf = std::function<std::optional<Space>(const std::string& path)>;

/// The state of a connection's keeper: whether it runs, and the process that would restart it; or that the
/// kernel needs none.
enum class Guard { complete, keeper_alone, nobody, kernel };

/// The keeper's state of a connection (docs/keeper.md), or the kernel's.
struct Connection {
    std::string name;
    std::string state;
    std::string reason;
    uint64_t losses = 0;
    uint64_t tries = 0;
    double longest_loss = 0;
    std::optional<double> in_state; ///< for how many seconds
    double unseen = 0;              ///< seconds since its keeper last saw it
    uint64_t process = 0;
    Guard guard = Guard::nobody;
    std::optional<ServedState> served = {}; ///< of one that its keeper serves
};

/// The keeper's state of the reads from a part of the root (docs/keeper.md).
struct Reads {
    std::string name;
    std::string state;
    std::string reason;
    std::string kernel_error; ///< the last one of a file system
    double unanswered = 0;    ///< seconds since the last answer
    Guard guard = Guard::nobody;
};

/// The live files of the node, and how long ago its server last had anything to do with them.
struct FilesStatus {
    LiveState state;
    std::optional<double> fetched; ///< seconds ago
    double answered = 0;           ///< seconds ago
};

/// The state of a node that Mangrove booted.
struct Status {
    Json report; ///< docs/report.md
    std::vector<Layer> layers;
    std::optional<Layer> upper; ///< the file system that takes what is written to the root
    std::optional<Space> upper_space;
    std::vector<Connection> connections;
    std::vector<Reads> reads;
    std::optional<FilesStatus> files; ///< nothing where the definition has none, or for an ordinary user
};

/// Reads the node's state; fails on a machine that Mangrove has not booted.
Result<Status> look_at_node(System& system, const SpaceOf& space_of);

/// Returns the problems, a sentence each.
std::vector<std::string> problems_of(const Status& status);

/// Returns what is worth knowing and no problem, a sentence each.
std::vector<std::string> notices_of(const Status& status);

/// Formats the status: for people on several lines, for programs on one line (docs/report.md).
std::string status_text(const Status& status);
std::string status_json(const Status& status);

} // namespace mangrove
