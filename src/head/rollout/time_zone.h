#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace mangrove::head {

/// The rule of a POSIX time zone for all years ("CET-1CEST,M3.5.0,M10.5.0/3"; POSIX.1-2017, 8.3, with the
/// hours up to 167 of RFC 8536).
class ZoneRule {
  public:
    static Result<ZoneRule> parse(std::string_view written);
    /// Returns the seconds that local time is ahead of UTC at a moment.
    int64_t offset_at(int64_t moment) const;

    /// The day of a change, and the local time in seconds after its midnight.
    struct Day {
        enum class Kind { month_week_day, day_without_leap, day_of_year } kind = Kind::month_week_day;
        int month = 0, week = 0, weekday = 0;
        int day = 0;
        int64_t time = 0;
    };

  private:
    int64_t standard_ = 0;
    std::optional<int64_t> summer_; ///< empty: no summer time
    Day begin_;
    Day end_;
};

/// A time zone of the system's tz database, read from its compiled file (RFC 8536). The C library has only
/// one zone a process.
class TimeZone {
  public:
    /// `name`: "Europe/Madrid".
    static Result<TimeZone> load(const std::string& name,
                                 const std::filesystem::path& directory = "/usr/share/zoneinfo");
    static Result<TimeZone> parse(std::string_view contents, std::string_view name);

    /// Returns the seconds that local time is ahead of UTC at a moment (seconds since 1970, UTC).
    int64_t offset_at(int64_t moment) const;

  private:
    std::vector<int64_t> changes_;
    std::vector<int64_t> offsets_; ///< from each change on
    int64_t first_ = 0;            ///< before the first change
    std::optional<ZoneRule> rule_; ///< after the last change
};

/// Floored, so that moments before 1970 are right, too.
constexpr int64_t floor_divide(int64_t number, int64_t by) {
    return number / by - (number % by < 0 ? 1 : 0);
}

} // namespace mangrove::head
