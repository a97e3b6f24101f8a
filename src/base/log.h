#pragma once

#include <functional>
#include <string_view>

#include "base/text.h"

namespace mangrove {

enum class LogLevel { notice, warning, error };

/// Receives one line without newline. `main` decides once where lines go; the default, which an empty one
/// brings back, is standard error.
using LogSink = std::function<void(LogLevel, std::string_view line)>;
void set_log_sink(LogSink sink);
void log_line(LogLevel level, std::string_view line);

/// Formats a line for output: each line of the text begins with "mangrove: ", the first also with its level,
/// and ends with a newline.
std::string shown_line(LogLevel level, std::string_view line);

template <typename... Words>
void log_notice(const Words&... words) {
    log_line(LogLevel::notice, text(words...));
}
template <typename... Words>
void log_warning(const Words&... words) {
    log_line(LogLevel::warning, text(words...));
}

} // namespace mangrove
