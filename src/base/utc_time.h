#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

namespace mangrove {

/// Parses "YYYYMMDD", "YYYYMMDDHHMM" or "YYYYMMDDHHMMSS" as UTC; nothing for anything else.
std::optional<std::chrono::sys_seconds> parse_utc_digits(std::string_view digits);

/// Parses "2027-03-01" or "2027-03-01T12:00:00Z" (RFC 3339, in UTC); nothing for anything else.
std::optional<std::chrono::sys_seconds> parse_utc(std::string_view written);

/// Returns "2027-03-01T12:00:00Z".
std::string utc_text(std::chrono::sys_seconds time);

} // namespace mangrove
