#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace mangrove::definition {

/// Reads a file, or standard input where `path` is "-".
Result<std::string> read_input(const std::string& path);

/// Prints every problem of a definition, or what it is of. Returns 0, or 1 where there is a problem. `file`
/// is its name.
int check_text(const std::string& file, std::string_view written);

/// Runs the subcommand `encode`. Returns 0 on success, 1 for a bad definition, 2 for wrong arguments.
int run_encode(const std::vector<std::string>& arguments);

} // namespace mangrove::definition
