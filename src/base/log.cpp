#include "base/log.h"

#include <cstdio>

namespace mangrove {

static LogSink& sink() {
    static LogSink current = [](LogLevel level, std::string_view line) {
        const char* prefix = level == LogLevel::error     ? "error: "
                             : level == LogLevel::warning ? "warning: "
                                                          : "";
        std::fprintf(stderr, "mangrove: %s%.*s\n", prefix, static_cast<int>(line.size()), line.data());
    };
    return current;
}

void set_log_sink(LogSink new_sink) {
    sink() = std::move(new_sink);
}

void log_line(LogLevel level, std::string_view line) {
    sink()(level, line);
}

} // namespace mangrove
