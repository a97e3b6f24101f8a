#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "base/result.h"

namespace mangrove {

/// The version of a file: differs from that of another file in its place.
struct FileVersion {
    enum class Kind { file, link, other };
    Kind kind = Kind::file;
    unsigned mode = 0; ///< the permission bits; of a link 0
    uint64_t owner = 0;
    uint64_t group = 0;
    std::string digest = {}; ///< SHA-256 of the contents (of a link: the target), and of attributes if any

    bool operator==(const FileVersion&) const = default;
};

/// Returns the version of a file in a directory, or nothing when there is none. Follows no link.
Result<std::optional<FileVersion>> version_at(int directory, const std::string& name);

/// Returns the extended attributes that belong to a file as its set has it: `user.` and the capabilities.
Result<std::map<std::string, std::string>> attributes_of(int file, const std::string& operation);

Result<std::string> link_target(int directory, const std::string& name);

} // namespace mangrove
