#pragma once

#include <string>
#include <vector>

#include "base/result.h"

namespace mangrove::head {

/// warnings_shown: what it said on its standard error although it succeeded goes to ours.
enum class Output { kept, shown, warnings_shown };

/// A program of the host, found in PATH.
struct Program {
    std::vector<std::string> words;
    std::string package = {};                  ///< Debian's, named when the program is not there
    std::vector<std::string> environment = {}; ///< further variables, "NAME=value"
    Output output = Output::kept;              ///< shown: what it prints goes to our standard error
    std::string name = {};                     ///< in the error that says how it ended; empty: `words[0]`
};

/// Runs it to its end; what it printed. When it fails, the error names it and holds what it said.
Result<std::string> run_program(const Program& program);

/// As a shell would take it, to be shown.
std::string command_line(const std::vector<std::string>& words);

} // namespace mangrove::head
