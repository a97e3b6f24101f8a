#pragma once

#include <string>
#include <vector>

namespace mangrove {

/// `mangrove status [--json]`: how the node stands that it runs on. Exit status 0 when all is well.
int run_status(const std::vector<std::string>& arguments);

} // namespace mangrove
