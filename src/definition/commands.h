#pragma once

#include <string>
#include <vector>

namespace mangrove::definition {

/// The subcommands check and encode: 0 when all is well, 1 for a bad definition, 2 for wrong
/// arguments. FILE may be "-" for standard input.
int run_check(const std::vector<std::string>& arguments);
int run_encode(const std::vector<std::string>& arguments);

} // namespace mangrove::definition
