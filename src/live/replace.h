#pragma once

#include <string>

#include "base/result.h"
#include "base/unique_fd.h"
#include "live/file_version.h"

namespace mangrove {

/// Copies a file or link from one directory to another, with what its version has, and puts it in the place
/// of the one there by rename(2): whoever opens it finds the old or the new one, whole. A new file gets the
/// SELinux label of the old one.
Result<> replace_by_copy(const UniqueFd& from, const UniqueFd& to, const std::string& name,
                         const FileVersion& version);

/// Removes what an interrupted replace_by_copy has left.
void remove_half_copy(const UniqueFd& directory, const std::string& name);

} // namespace mangrove
