#pragma once

#include <string>
#include <vector>

namespace mangrove {

/// Runs `mangrove status [--json]`. Returns 0 when the node is healthy.
int run_status(const std::vector<std::string>& arguments);

} // namespace mangrove
