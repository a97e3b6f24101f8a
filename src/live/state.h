#pragma once

#include <map>
#include <optional>
#include <string>

#include "base/result.h"
#include "live/file_version.h"
#include "system/clock.h"

namespace mangrove {

/// A file of the set, as this node has it from its server.
struct LiveFile {
    std::optional<FileVersion> applied = {}; ///< nothing: it is about to get its first one
    std::optional<FileVersion> next = {};    ///< it is being replaced by this one
    bool was_there = false;                  ///< the node had the same file before, so that it stays
    bool is_gone = false;                    ///< the set has it no more
};

/// A file that is not as the server has it.
struct LeftFile {
    enum class Why { changed, gone, in_the_way, unsupported, failed };
    Why why = Why::changed;
    std::string what = {}; ///< completes "PATH: …"

    bool operator==(const LeftFile&) const = default;
};

/// The state of a node's live files, in a file of the running system (docs/files.md).
struct LiveState {
    std::string server = {};  ///< its URL, for messages
    seconds interval{60};     ///< between two requests
    std::string version = {}; ///< of the set that was applied; empty: all of it is wanted
    Time fetched = {};        ///< when the set last came; 0: never
    Time answered = {};       ///< when the server last answered in full, or when the program first started
    bool is_missing = false;  ///< the server has no files for this node
    std::string error = {};   ///< of the last request, or empty
    std::map<std::string, LiveFile> files = {}; ///< by path
    std::map<std::string, LeftFile> left = {};
};

std::string to_json(const LiveState& state);
Result<LiveState> parse_live_state(const std::string& written);

} // namespace mangrove
