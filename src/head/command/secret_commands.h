#pragma once

#include <filesystem>
#include <string>

#include "head/command/call.h"

namespace mangrove::head {

/// Reads the value from a file, or from standard input where `file` is empty.
Outcome<> secret_set(Call& call, const std::string& name, const std::filesystem::path& file);
Outcome<> secret_list(Call& call);
Outcome<> secret_remove(Call& call, const std::string& name);

} // namespace mangrove::head
