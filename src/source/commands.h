#pragma once

#include <string>
#include <vector>

#include "base/result.h"

namespace mangrove {

/// What `decode` prints of an argument or of a whole kernel command line. `notices` are for standard error.
struct Decoded {
    std::string definition;
    std::vector<std::string> notices;
};
Result<Decoded> decode_command_line(const std::string& written);

/// The subcommand `decode`.
int run_decode(const std::vector<std::string>& arguments);

} // namespace mangrove
