#pragma once

#include <chrono>
#include <string>
#include <vector>

namespace mangrove {

/// A program that has ended, as a health check.
struct EndedProgram {
    std::string name = {};
    int status = 0;          ///< its exit status; 128 and the signal; 124 after the time limit
    std::string output = {}; ///< of both streams, at most 64 KiB
};

/// Runs a program with empty input. After the time limit, it and its children are killed.
EndedProgram run_program(std::vector<std::string> words, std::chrono::seconds limit);

/// Runs the executable files of a directory one after the other, by name. `name` is that of the file, and
/// `output` the first line.
std::vector<EndedProgram> run_programs_in(const std::string& directory, std::chrono::seconds limit);

} // namespace mangrove
