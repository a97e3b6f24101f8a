#pragma once

#include <string>
#include <vector>

#include "head/command/command_line.h"

namespace mangrove::head {

/// In the place of a candidate: the shell's own files.
inline constexpr const char* kFilesWanted = ":files";

/// What the last of the words can become. They are without the program's name, as bash splits them: an '=' is
/// a word of its own.
std::vector<std::string> complete(const CommandLine& line, std::vector<std::string> words);

} // namespace mangrove::head
