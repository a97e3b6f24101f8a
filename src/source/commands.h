#pragma once

#include <string>
#include <vector>

#include "base/result.h"

namespace mangrove {

/// The output of `decode` for an argument or a whole kernel command line. `notices` go to standard error.
struct Decoded {
    std::string definition;
    std::vector<std::string> notices;
};
Result<Decoded> decode_command_line(const std::string& written);

/// Runs the subcommand `decode`.
int run_decode(const std::vector<std::string>& arguments);

} // namespace mangrove
