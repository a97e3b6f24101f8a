#pragma once

#include <filesystem>
#include <string>

#include "base/result.h"
#include "head/host/directories.h"
#include "head/image/build.h"

namespace mangrove::head {

enum class Form { table, json };

/// Held by a run that needs that nothing is published or unpublished meanwhile; waits for other runs.
Result<UniqueFd> lock_publications(const Directories& directories);

/// What each prints goes to standard output.
Result<> image_build(const Directories& directories, BuildRequest request, Form form);
Result<> image_list(const Directories& directories, Form form);
Result<> image_show(const Directories& directories, const std::string& reference, Form form);
/// True when they differ.
Result<bool> image_diff(const Directories& directories, const std::string& before, const std::string& after);
Result<> image_remove(const Directories& directories, const std::string& reference);

} // namespace mangrove::head
