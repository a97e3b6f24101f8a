#pragma once

#include <string>
#include <vector>

namespace mangrove::definition {

/// Run the subcommands check and encode. Return 0 on success, 1 for a bad definition, 2 for wrong arguments.
/// FILE may be "-" for standard input.
int run_check(const std::vector<std::string>& arguments);
int run_encode(const std::vector<std::string>& arguments);

} // namespace mangrove::definition
