#pragma once

#include <string>
#include <vector>

#include "status/status.h"

namespace mangrove {

/// Of the file system that a path is in.
std::optional<Space> space_of(const std::string& path);

/// Runs `mangrove status [--json]`. Returns 0 when the node is healthy.
int run_status(const std::vector<std::string>& arguments);

} // namespace mangrove
