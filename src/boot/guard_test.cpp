#include "boot/guard.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/log.h"
#include "system/fake/system.h"

namespace mangrove {
namespace {

using testing::Contains;
using testing::HasSubstr;

/// The clock of the fake begins an hour after the kernel's start.
constexpr seconds kBegin{3600};

struct GuardTest : testing::Test {
    GuardTest() {
        set_log_sink([this](LogLevel level, std::string_view line) { log += shown_line(level, line); });
        system.add_file("/dev/watchdog", "");
        set_progress(1);
    }
    ~GuardTest() override {
        set_log_sink([](LogLevel, std::string_view) {});
    }
    void boot_with(const std::string& arguments) { system.add_file("/proc/cmdline", arguments + "\n"); }
    void set_progress(int switches) {
        system.add_file("/proc/1/status", text("Name:\tmangrove\nvoluntary_ctxt_switches:\t", switches,
                                               "\nnonvoluntary_ctxt_switches:\t7\n"));
    }
    /// /init sleeps and wakes up until then.
    void progress_until(seconds end) {
        for (seconds at{10}; at < end; at += seconds(10))
            system.after(at, [this, at] { set_progress(static_cast<int>(at.count())); });
    }
    seconds last_petted() const {
        return std::chrono::floor<seconds>(system.petted().back() - Time() - kBegin);
    }

    Transcript transcript;
    FakeSystem system{transcript};
    Boot boot{system};
    std::string log;
};

TEST_F(GuardTest, NobodyGuardsABootUnlessItIsAskedFor) {
    boot_with("quiet");
    start_guard(boot);
    EXPECT_FALSE(boot.guard);
    EXPECT_TRUE(system.started_residents().empty());
}

TEST_F(GuardTest, LeavesTheWatchdogTickingForTheRoot) {
    boot_with("mangrove.watchdog=60");
    start_guard(boot);
    ASSERT_TRUE(boot.guard);
    end_guard(boot);
    EXPECT_THAT(transcript.lines(), Contains("ending the resident 0"));
    EXPECT_THAT(transcript.lines(), testing::Not(Contains("stopping the watchdog")));
    end_guard(boot);
    give_up_guard(boot);
    EXPECT_THAT(transcript.lines(), testing::Not(Contains("stopping the watchdog")));
}

TEST_F(GuardTest, IsGivenUpWithItsWatchdog) {
    boot_with("mangrove.watchdog=60");
    start_guard(boot);
    give_up_guard(boot);
    EXPECT_EQ(transcript.lines().back(), "stopping the watchdog");
}

TEST_F(GuardTest, PetsForAsLongAsInitGoesOn) {
    boot_with("mangrove.watchdog=60 mangrove.probation=7200");
    progress_until(seconds(3600));
    guard_boot(system);
    EXPECT_THAT(transcript.lines(), Contains("opening the watchdog for 60 s"));
    EXPECT_EQ(last_petted(), seconds(3595));
    EXPECT_EQ(log.find("hangs:"), std::string::npos);
}

TEST_F(GuardTest, LetsTheWatchdogEndAnInitThatHangs) {
    boot_with("mangrove.watchdog=60 mangrove.probation=7200");
    progress_until(seconds(1200));
    guard_boot(system);
    EXPECT_EQ(last_petted(), seconds(1190 + 595));
    EXPECT_THAT(log, HasSubstr("error: /init hangs: no progress for 600 s"));
}

TEST_F(GuardTest, RestartsAMachineAtTheEndOfItsProbation) {
    boot_with("mangrove.probation=4000");
    progress_until(seconds(7200));
    guard_boot(system);
    EXPECT_EQ(system.ended(), MachineEnd::reboot);
    EXPECT_EQ(system.now() - Time(), seconds(4000));
    EXPECT_THAT(log, HasSubstr("the boot has not come to its end after 4000 s"));
}

TEST_F(GuardTest, AMachineWithoutAWatchdogHasItsProbation) {
    system.remove("/dev/watchdog");
    boot_with("mangrove.probation=4000");
    guard_boot(system);
    EXPECT_THAT(log, HasSubstr("this machine has no hardware watchdog: opening /dev/watchdog"));
    EXPECT_TRUE(system.petted().empty());
    EXPECT_EQ(system.ended(), MachineEnd::reboot);
}

TEST_F(GuardTest, EndsAtOnceWithoutAnythingToDo) {
    system.remove("/dev/watchdog");
    boot_with("mangrove.watchdog=60");
    guard_boot(system);
    EXPECT_FALSE(system.ended());
}

} // namespace
} // namespace mangrove
