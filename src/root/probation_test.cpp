#include "root/probation.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/log.h"
#include "boot/guard.h"
#include "definition/parse.h"
#include "root/hand_over_watchdog.h"
#include "root/root.h"
#include "system/fake/system.h"

namespace mangrove {
namespace {

using testing::Contains;
using testing::HasSubstr;

/// The clock of the fake begins an hour after the kernel's start.
constexpr seconds kBegin{3600};

struct Probation : testing::Test {
    Probation() {
        set_log_sink([this](LogLevel level, std::string_view line) { log += shown_line(level, line); });
        system.add_file("/run/mangrove/report.json", "{}");
    }
    ~Probation() override {
        set_log_sink([](LogLevel, std::string_view) {});
    }
    void watch(seconds limit) { probation(limit).run(system); }
    seconds uptime() { return std::chrono::floor<seconds>(system.now() - Time()); }

    Transcript transcript;
    FakeSystem system{transcript};
    std::string log;
};

TEST_F(Probation, EndsAMachineThatNobodyHears) {
    watch(kBegin + seconds(450));
    EXPECT_EQ(system.ended(), MachineEnd::reboot);
    EXPECT_EQ(uptime(), kBegin + seconds(450));
    EXPECT_EQ(transcript.lines().back(), "writing out");
    EXPECT_THAT(log, HasSubstr("error: the head node has not heard the health of this machine for 4050 s"));
}

TEST_F(Probation, BeginsAgainWithEachPost) {
    system.after(seconds(60), [&] { ASSERT_TRUE(note_heard(system)); });
    system.after(seconds(400), [&] { ASSERT_TRUE(note_heard(system)); });
    watch(kBegin + seconds(100));
    EXPECT_EQ(system.ended(), MachineEnd::reboot);
    EXPECT_EQ(uptime(), 2 * kBegin + seconds(500));
}

TEST_F(Probation, IsOverWhenItIsPassed) {
    system.after(seconds(60), [&] { ASSERT_TRUE(note_passed(system)); });
    watch(kBegin + seconds(100));
    EXPECT_FALSE(system.ended());
}

/// The scene of a switch into a root of systemd.
struct SwitchOnProbation : Probation {
    SwitchOnProbation() {
        system.add_file("/proc/self/mountinfo", "");
        system.add_file("/proc/self/exe", "program");
        system.add_file("/root/usr/lib/systemd/systemd", "", 0755);
        system.add_file("/dev/watchdog", "");
        root.health = definition::NodeServer{.url = "http://192.0.2.1/n/health"};
    }
    void switch_with(const std::string& arguments) {
        system.add_file("/proc/cmdline", arguments + "\n");
        start_guard(boot);
        static_cast<void>(switch_root(boot, root).has_value());
    }
    std::vector<std::string> residents() {
        std::vector<std::string> names;
        for (const Resident& resident : boot.residents)
            names.push_back(resident.name);
        return names;
    }

    Boot boot{system};
    Root root{.path = "/root", .undo = {}, .command = {"/usr/lib/systemd/systemd"}};
};

TEST_F(SwitchOnProbation, GoesOnBesideTheRoot) {
    switch_with("mangrove.probation=4000");
    EXPECT_THAT(residents(), Contains("the probation"));
    EXPECT_EQ(system.file(kWatchdogDropIn), "[Manager]\nRuntimeWatchdogSec=120\n");
    EXPECT_THAT(transcript.lines(), Contains("ending the resident 0"));
    EXPECT_THAT(transcript.lines(), testing::Not(Contains("stopping the watchdog")));
}

TEST_F(SwitchOnProbation, StopsAWatchdogThatNobodyTakesOver) {
    root.command = {"/bin/sh"};
    switch_with("mangrove.watchdog=60");
    EXPECT_THAT(transcript.lines(), Contains("stopping the watchdog"));
    EXPECT_TRUE(residents().empty());
}

TEST_F(SwitchOnProbation, NeedsAHeadNodeThatHearsTheHealth) {
    root.health.reset();
    switch_with("mangrove.probation=4000");
    EXPECT_TRUE(residents().empty());
    EXPECT_THAT(log, HasSubstr("the definition has no 'health'"));
}

TEST_F(SwitchOnProbation, NobodyGuardsAnotherBoot) {
    switch_with("quiet");
    EXPECT_TRUE(residents().empty());
    EXPECT_FALSE(system.file(kWatchdogDropIn));
    EXPECT_THAT(transcript.lines(), testing::Not(Contains("stopping the watchdog")));
}

} // namespace
} // namespace mangrove
