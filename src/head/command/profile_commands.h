#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "head/command/call.h"

/// Commands about profiles of boots (docs/profiles.md).
namespace mangrove::head {

Outcome<> profile_list(Call& call);
Outcome<> profile_record(Call& call, const std::string& nodes);
/// Prints the files of the profile that a node posted, or that is in a file.
Outcome<> profile_show(Call& call, const std::string& source);
/// Merges profiles of nodes and in files into one, which goes to a file or, where `output` is empty, to
/// standard output.
Outcome<> profile_merge(Call& call, const std::vector<std::string>& sources,
                        const std::filesystem::path& output);

} // namespace mangrove::head
