#pragma once

#include <filesystem>

#include "head/command/call.h"
#include "head/configure/configure.h"

namespace mangrove::head {

/// Writes a file for another program; an empty `output` is standard output.
Outcome<> configure(Call& call, const ConfigurationFormat& format, const std::filesystem::path& output,
                    Foreign foreign, const std::string& reload);

} // namespace mangrove::head
