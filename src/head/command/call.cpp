#include "head/command/call.h"

#include <cstdio>
#include <unistd.h>

#include "base/log.h"

namespace mangrove::head {

namespace {

void show(TerminalProgress& progress, const Failed& failed) {
    progress.error(describe(failed.error));
    const auto& [undone, remaining] = failed.rollback;
    if (!undone.empty()) progress.note("rolled back:\n  " + join(undone, "\n  "));
    for (const std::string& change : remaining)
        progress.warn("rollback failed: " + change);
}

void say(TerminalProgress& progress, LogLevel level, std::string_view line) {
    if (level == LogLevel::error)
        progress.error(line);
    else if (level == LogLevel::warning)
        progress.warn(line);
    else
        progress.note(line);
}

} // namespace

int run_call(Call& call, const std::function<Outcome<>(Call& call)>& command) {
    // The libraries of the node's program log.
    set_log_sink([&](LogLevel level, std::string_view line) { say(call.progress, level, line); });
    Outcome<> done = command(call);
    if (!done) show(call.progress, done.error());
    set_log_sink({});
    return done ? 0 : 1;
}

void print(const Json& json) {
    std::fputs(indented_json(json.get()).c_str(), stdout);
}

void print_line(const std::string& line) {
    std::printf("%s\n", line.c_str());
}

void print_differences(const Call& call, const std::vector<std::string>& lines) {
    if (call.form == Form::json) {
        Json json = make_json_object();
        add_texts(json.get(), "differences", lines);
        return print(json);
    }
    for (const std::string& line : lines)
        print_line(line);
}

void hint(Call& call, const std::string& line) {
    if (call.form == Form::table && ::isatty(STDOUT_FILENO) == 1) call.progress.note(line);
}

} // namespace mangrove::head
