#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "base/result.h"
#include "head/host/progress.h"

namespace mangrove::head {

/// The lines of a program that become notes: none; all that it prints, as they come; or those of its standard
/// error, when it has ended.
enum class Noted { nothing, everything, errors };
/// Whether the bytes that it reads advance the work that the sink has begun.
enum class Reads { are_counted, are_ignored };

/// A program of the host, found in PATH.
struct Program {
    std::vector<std::string> words;
    std::string package = {};                  ///< Debian's, named when the program is not there
    std::vector<std::string> environment = {}; ///< further variables, "NAME=value"
    Noted noted = Noted::nothing;
    std::string name = {}; ///< in the error that says how it ended; empty: `words[0]`
    Reads reads = Reads::are_ignored;
    std::chrono::seconds limit{0}; ///< after which it is killed; 0: none
};

/// Runs it to its end. Returns what it printed, unless that was noted. When it fails, the error names it and
/// holds what it said.
Result<std::string> run_program(const Program& program, Progress& progress);
Result<std::string> run_program(const Program& program);

/// Runs it with this process's standard streams. The error says how it ended.
Result<> run_on_terminal(const Program& program);

/// As a shell would take it, to be shown.
std::string command_line(const std::vector<std::string>& words);

} // namespace mangrove::head
