#pragma once

#include <map>
#include <string>

#include "live/file_version.h"

namespace mangrove {

/// Remembers versions, so that a file that nobody has touched is not read each minute. Trusts the time of the
/// last change of its inode (st_ctim), which nobody can set.
class VersionCache {
  public:
    /// As version_at; `path` names the file here.
    Result<std::optional<FileVersion>> version_at(int directory, const std::string& name,
                                                  const std::string& path);

  private:
    struct Seen {
        std::string inode; ///< with its size and the time of its change
        FileVersion version;
    };
    std::map<std::string, Seen> seen_;
};

} // namespace mangrove
