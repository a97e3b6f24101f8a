#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "machine/watched_connection.h"
#include "system/system.h"

namespace mangrove {

/// The state of a connection, in a file of the running system (docs/keeper.md).
struct ConnectionState {
    std::string name = {};
    std::string now = "connected";
    uint64_t losses = 0;
    uint64_t tries = 0; ///< since the last loss
    Clock::duration longest_loss{0};
    Time since = {};                        ///< it is as it is `now`
    Time seen = {};                         ///< when the kernel last told of the connection
    std::string reason = {};                ///< of the last loss, then of the last try that failed
    uint64_t process = 0;                   ///< that watches it; 0 if procfs does not tell
    std::optional<ServedState> served = {}; ///< of one that its process serves
};

/// Returns the state of a connection that looks after itself.
ConnectionState state_of_served(const std::string& name, const ServedState& served, Time seen);

/// The state of the reads from a part of the root's storage.
struct ReadsState {
    std::string name = {};
    std::string now = "readable";
    Time since = {};    ///< it is as it is `now`
    Time answered = {}; ///< the last read that succeeded
    std::string reason = {};
    std::string kernel_error = {};
    uint64_t process = 0;
};

/// Writes a state as JSON, with the number of this process. Logs a failure.
void write_state_file(System& system, const std::string& path, ConnectionState state);
void write_state_file(System& system, const std::string& path, ReadsState state);

/// Returns the paths of the states, by their numbers: `prefix` is kConnectionPrefix or kReadsPrefix.
Result<std::vector<std::string>> state_files(System& system, std::string_view prefix);
inline constexpr std::string_view kConnectionPrefix = "";
inline constexpr std::string_view kReadsPrefix = "storage";
/// Returns the path of a state that there is not yet, the last one of all.
Result<std::string> new_state_file(System& system, std::string_view prefix, size_t after = 0);

/// Reads a file of JSON; again if its writer is just writing it. Error `ENOENT` if there is none.
Result<Json> read_json_while_written(System& system, const std::string& path);
/// Reads a state, as read_json_while_written does.
Result<ConnectionState> read_connection_state(System& system, const std::string& path);
Result<ReadsState> read_reads_state(System& system, const std::string& path);

} // namespace mangrove
