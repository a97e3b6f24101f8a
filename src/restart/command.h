#pragma once

#include <string>
#include <vector>

namespace mangrove {

/// Runs `mangrove restart`. Returns 1 when the restart was refused, 2 when it was called wrongly.
int run_restart(const std::vector<std::string>& arguments);

} // namespace mangrove
