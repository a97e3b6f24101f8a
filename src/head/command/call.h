#pragma once

#include <functional>
#include <string>

#include "head/command/terminal_progress.h"
#include "head/host/directories.h"
#include "head/host/json.h"
#include "head/host/outcome.h"

namespace mangrove::head {

enum class Form { table, json };

/// One command, and where what it prints goes to: its result to standard output, all else to `progress`.
struct Call {
    Directories directories;
    Form form = Form::table;
    TerminalProgress progress;
};

/// Runs a command. Returns the exit code; an error is shown, with what was rolled back.
int run_call(Call& call, const std::function<Outcome<>(Call& call)>& command);

void print(const Json& json);
void print_line(const std::string& line);
/// A line each, or as JSON.
void print_differences(const Call& call, const std::vector<std::string>& lines);
/// On a terminal, where a table is empty.
void hint(Call& call, const std::string& line);

} // namespace mangrove::head
