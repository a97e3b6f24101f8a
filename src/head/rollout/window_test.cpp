#include "head/rollout/window.h"

#include <cstdlib>
#include <ctime>
#include <gtest/gtest.h>

#include "base/whole_file.h"

namespace mangrove::head {
namespace {

/// "2026-03-28 23:30", UTC
int64_t utc(const char* written) {
    tm parts = {};
    EXPECT_NE(::strptime(written, "%Y-%m-%d %H:%M", &parts), nullptr) << written;
    return ::timegm(&parts);
}

bool is_open(const char* window, const char* moment) {
    Result<Window> parsed = Window::parse(window);
    EXPECT_TRUE(parsed) << describe(parsed.error());
    return parsed->is_open(utc(moment));
}

std::string problem_of(const char* window) {
    Result<Window> parsed = Window::parse(window);
    return parsed ? "" : parsed.error().what;
}

constexpr const char* kNights = "Mon-Fri 20:00-06:00 Europe/Madrid";

TEST(Window, goes_on_over_midnight_of_the_day_on_which_it_opened) {
    // 2026-11-27 is a Friday; Madrid is an hour ahead of UTC.
    EXPECT_FALSE(is_open(kNights, "2026-11-27 18:59"));
    EXPECT_TRUE(is_open(kNights, "2026-11-27 19:00"));
    EXPECT_TRUE(is_open(kNights, "2026-11-28 04:59"));
    EXPECT_FALSE(is_open(kNights, "2026-11-28 05:00"));
    EXPECT_FALSE(is_open(kNights, "2026-11-28 19:00")) << "on Saturday";
    EXPECT_FALSE(is_open(kNights, "2026-11-29 23:30")) << "on Monday at 0:30, of Sunday's night";
    EXPECT_TRUE(is_open(kNights, "2026-11-30 19:00"));
}

TEST(Window, follows_the_clock_when_summer_time_begins) {
    // At 2:00 of Sunday 2026-03-29 it becomes 3:00.
    constexpr const char* kMornings = "Sat,Sun 01:30-03:30 Europe/Madrid";
    EXPECT_FALSE(is_open(kMornings, "2026-03-29 00:29"));
    EXPECT_TRUE(is_open(kMornings, "2026-03-29 00:30"));
    EXPECT_TRUE(is_open(kMornings, "2026-03-29 00:59"));
    EXPECT_TRUE(is_open(kMornings, "2026-03-29 01:00")) << "at 3:00";
    EXPECT_TRUE(is_open(kMornings, "2026-03-29 01:29"));
    EXPECT_FALSE(is_open(kMornings, "2026-03-29 01:30")) << "at 3:30";
    for (const char* moment : {"2026-03-29 00:59", "2026-03-29 01:00", "2026-03-29 01:30"})
        EXPECT_FALSE(is_open("02:00-03:00 Europe/Madrid", moment)) << "an hour that does not exist";
    EXPECT_TRUE(is_open(kNights, "2026-03-30 18:00")) << "at 20:00 of Monday";
}

TEST(Window, follows_the_clock_when_summer_time_ends) {
    // At 3:00 of Sunday 2026-10-25 it becomes 2:00.
    constexpr const char* kHour = "Sun 02:00-03:00 Europe/Madrid";
    EXPECT_FALSE(is_open(kHour, "2026-10-24 23:59"));
    EXPECT_TRUE(is_open(kHour, "2026-10-25 00:00"));
    EXPECT_TRUE(is_open(kHour, "2026-10-25 00:59"));
    EXPECT_TRUE(is_open(kHour, "2026-10-25 01:00")) << "at 2:00 again";
    EXPECT_TRUE(is_open(kHour, "2026-10-25 01:59"));
    EXPECT_FALSE(is_open(kHour, "2026-10-25 02:00"));
}

TEST(Window, opens_on_the_days_that_are_listed) {
    EXPECT_TRUE(is_open("Sat,sun 00:00-24:00 UTC", "2026-11-28 00:00"));
    EXPECT_TRUE(is_open("Sat,sun 00:00-24:00 UTC", "2026-11-29 23:59"));
    EXPECT_FALSE(is_open("Sat,sun 00:00-24:00 UTC", "2026-11-30 00:00"));
    EXPECT_TRUE(is_open("Fri-Mon 08:00-12:00 UTC", "2026-11-30 09:00"));
    EXPECT_FALSE(is_open("Fri-Mon 08:00-12:00 UTC", "2026-12-01 09:00"));
    EXPECT_TRUE(is_open("22:00-00:00 UTC", "2026-12-01 23:59"));
    EXPECT_FALSE(is_open("22:00-00:00 UTC", "2026-12-01 00:00"));
}

TEST(Window, that_is_wrong_says_why) {
    EXPECT_EQ(problem_of("20:00-06:00"), "window '20:00-06:00': expected DAYS FROM-TO ZONE, such as 'Mon-Fri "
                                         "20:00-06:00 Europe/Madrid'");
    EXPECT_EQ(problem_of("Mon-Fry 20:00-06:00 UTC"),
              "'Fry': expected a day: Mon, Tue, Wed, Thu, Fri, Sat or Sun");
    for (const char* hours : {"8:00-9:00", "20:00-24:01", "20:60-22:00", "aa:bb-10:00"})
        EXPECT_TRUE(problem_of(text(hours, " UTC").c_str()).ends_with("expected a time from 00:00 to 24:00"))
            << hours;
    EXPECT_EQ(problem_of("20:00 UTC"), "'20:0': expected a time from 00:00 to 24:00");
    EXPECT_EQ(problem_of("20:00-20:00 UTC"),
              "window '20:00-20:00 UTC': it never opens; all day is 00:00-24:00");
    EXPECT_EQ(
        problem_of("20:00-06:00 Europe/Atlantis"),
        "time zone Europe/Atlantis: not found in /usr/share/zoneinfo; install tzdata, or see 'timedatectl "
        "list-timezones'");
    EXPECT_EQ(problem_of("20:00-06:00 ../../etc/passwd"),
              "'../../etc/passwd': expected a time zone, such as Europe/Madrid");
}

/// Asks localtime(3), which is possible here because no other thread runs.
int64_t offset_of_c_library(const char* zone, int64_t moment) {
    ::setenv("TZ", zone, 1);
    ::tzset();
    time_t at = moment;
    tm parts = {};
    ::localtime_r(&at, &parts);
    return parts.tm_gmtoff;
}

TEST(TimeZone, agrees_with_the_c_library) {
    for (const char* zone :
         {"Europe/Madrid", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata", "Africa/Casablanca",
          "Pacific/Apia", "America/Santiago", "Europe/Dublin", "UTC"}) {
        Result<TimeZone> loaded = TimeZone::load(zone);
        ASSERT_TRUE(loaded) << describe(loaded.error());
        // From 1969 until 2106, behind the last change in the files; 61 hours meet all hours of the day.
        for (int64_t moment = -31'536'000; moment < 4'300'000'000; moment += int64_t(61) * 3600)
            ASSERT_EQ(loaded->offset_at(moment), offset_of_c_library(zone, moment)) << zone << " " << moment;
    }
    ::unsetenv("TZ");
    ::tzset();
}

TEST(ZoneRule, agrees_with_the_c_library) {
    for (const char* written : {"CET-1CEST,M3.5.0,M10.5.0/3", "<-03>3<-02>,M3.5.0/-2,M10.5.0/-1", "EST5",
                                "AAA4BBB,J60/1:30,J300", "AAA-9:30BBB-11,59,299/24:00:00"}) {
        Result<ZoneRule> rule = ZoneRule::parse(written);
        ASSERT_TRUE(rule) << describe(rule.error());
        for (int64_t moment = 1'700'000'000; moment < 2'000'000'000; moment += 1800)
            ASSERT_EQ(rule->offset_at(moment), offset_of_c_library(written, moment))
                << written << " " << moment;
    }
    ::unsetenv("TZ");
    ::tzset();
    for (const char* bad : {"", "C-1", "CET", "CET-1CEST", "CET-1CEST,M3.5.0", "CET-1CEST,M13.5.0,M10.5.0",
                            "CET-1CEST,M3.6.0,M10.5.0", "CET-1CEST,M3.5.0,M10.5.0 ", "<+03-3", "CET-168"})
        EXPECT_FALSE(ZoneRule::parse(bad)) << bad;
}

TEST(TimeZone, of_a_damaged_file_is_an_error) {
    Result<std::string> file = read_file("/usr/share/zoneinfo/Europe/Madrid");
    ASSERT_TRUE(file);
    EXPECT_EQ(TimeZone::parse("#!/bin/sh", "x").error().what,
              "time zone x: damaged file: no header of version 2 or later");
    for (size_t size = 0; size < file->size(); ++size)
        EXPECT_FALSE(TimeZone::parse(std::string_view(*file).substr(0, size), "x")) << size;
    for (size_t at = 0; at < file->size(); ++at) {
        std::string damaged = *file;
        damaged[at] = '\xff';
        if (Result<TimeZone> zone = TimeZone::parse(damaged, "x")) zone->offset_at(1'800'000'000);
    }
}

} // namespace
} // namespace mangrove::head
