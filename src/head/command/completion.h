#pragma once

#include <string>
#include <vector>

#include "head/command/command_line.h"

namespace mangrove::head {

/// In the place of a candidate: the shell's own files.
inline constexpr const char* kFilesWanted = ":files";

/// Returns the completions of the last word. The words come without the program's name, and split as bash
/// does it: an
/// '=' is a word of its own.
std::vector<std::string> complete(const CommandLine& line, std::vector<std::string> words);

} // namespace mangrove::head
