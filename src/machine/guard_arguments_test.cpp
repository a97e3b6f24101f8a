#include "machine/guard_arguments.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/log.h"
#include "system/fake/system.h"

namespace mangrove {
namespace {

struct GuardArgumentsTest : testing::Test {
    ~GuardArgumentsTest() override {
        set_log_sink([](LogLevel, std::string_view) {});
    }
    GuardArguments read(const std::string& line) {
        set_log_sink([this](LogLevel level, std::string_view words) { log += shown_line(level, words); });
        Transcript transcript;
        FakeSystem system(transcript);
        system.add_file("/proc/cmdline", line + "\n");
        return guard_arguments(system);
    }
    std::string log;
};

TEST_F(GuardArgumentsTest, NothingIsGuardedUnlessItIsAskedFor) {
    GuardArguments arguments = read("quiet");
    EXPECT_FALSE(arguments.watchdog);
    EXPECT_FALSE(arguments.probation);
    EXPECT_FALSE(arguments.is_watched_on_probation);
}

TEST_F(GuardArgumentsTest, AWatchdogStays) {
    GuardArguments arguments = read("mangrove.watchdog=60 mangrove.probation=450");
    EXPECT_EQ(arguments.watchdog, seconds(60));
    EXPECT_EQ(arguments.probation, seconds(450));
    EXPECT_FALSE(arguments.is_watched_on_probation);
}

TEST_F(GuardArgumentsTest, AProbationHasAWatchdogOfItsOwn) {
    GuardArguments arguments = read("mangrove.probation=450");
    EXPECT_EQ(arguments.watchdog, seconds(120));
    EXPECT_TRUE(arguments.is_watched_on_probation);
    EXPECT_FALSE(read("mangrove.probation=450 mangrove.watchdog=off").watchdog);
    EXPECT_EQ(log, "");
}

TEST_F(GuardArgumentsTest, AValueWithoutSenseIsIgnored) {
    for (const char* written : {"soon", "0", "9", "86401", ""}) {
        log.clear();
        EXPECT_FALSE(read(text("mangrove.watchdog=", written)).watchdog) << written;
        EXPECT_THAT(log, testing::HasSubstr("expected 10 to 86400 seconds, or off; ignoring"));
    }
}

} // namespace
} // namespace mangrove
