#include "base/log.h"

#include <cstdio>

namespace mangrove {

static void write_to_stderr(LogLevel level, std::string_view line) {
    std::fputs(shown_line(level, line).c_str(), stderr);
}

static LogSink& sink() {
    static LogSink current = write_to_stderr;
    return current;
}

void set_log_sink(LogSink new_sink) {
    sink() = new_sink ? std::move(new_sink) : write_to_stderr;
}

std::string shown_line(LogLevel level, std::string_view line) {
    std::string_view before = level == LogLevel::error     ? "error: "
                              : level == LogLevel::warning ? "warning: "
                                                           : "";
    std::string shown;
    for (const std::string& part : split(line, '\n')) {
        shown += text("mangrove: ", before, part, "\n");
        before = "";
    }
    return shown;
}

void log_line(LogLevel level, std::string_view line) {
    sink()(level, line);
}

} // namespace mangrove
