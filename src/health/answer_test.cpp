#include "health/answer.h"

#include <gtest/gtest.h>

#include "root/hand_over_watchdog.h"
#include "root/probation.h"
#include "system/fake/system.h"

namespace mangrove {
namespace {

struct HealthAnswer : testing::Test {
    HealthAnswer() {
        system.add_directory("/run/mangrove");
        system.add_file("/proc/cmdline", "mangrove.probation=450\n");
    }
    Result<> note(std::string_view answer) {
        return note_answer(system, answer, [this](std::vector<std::string> words) {
            ran = join(words, " ");
            return EndedProgram{.name = words.front(), .status = status};
        });
    }
    std::string state() { return system.file(kProbationState).value_or(""); }

    Transcript transcript;
    FakeSystem system{transcript};
    std::string ran;
    int status = 0;
};

TEST_F(HealthAnswer, ThePostIsHeard) {
    ASSERT_TRUE(note(""));
    EXPECT_EQ(state(), "3600\n");
    system.advance(seconds(15));
    ASSERT_TRUE(note("restart\n"));
    EXPECT_EQ(state(), "3615\n");
}

TEST_F(HealthAnswer, TheProbationIsPassedForGood) {
    ASSERT_TRUE(note("committed\n"));
    EXPECT_EQ(state(), "passed\n");
    size_t steps = transcript.lines().size();
    ASSERT_TRUE(note("committed\n"));
    EXPECT_EQ(transcript.lines().size(), steps + 2);
}

TEST_F(HealthAnswer, ANodeThatIsNotOnProbationNotesNothing) {
    system.add_file("/proc/cmdline", "quiet\n");
    ASSERT_TRUE(note("committed\n"));
    EXPECT_EQ(state(), "");
}

TEST_F(HealthAnswer, TheWatchdogOfTheProbationIsGivenUp) {
    system.add_file(kWatchdogDropIn, "[Manager]\nRuntimeWatchdogSec=120\n");
    ASSERT_TRUE(note("committed\n"));
    EXPECT_EQ(system.file(kWatchdogDropIn), "");
    EXPECT_EQ(ran, "busctl set-property org.freedesktop.systemd1 /org/freedesktop/systemd1 "
                   "org.freedesktop.systemd1.Manager RuntimeWatchdogUSec t 0");
}

TEST_F(HealthAnswer, AWatchdogThatCannotBeGivenUpIsTold) {
    system.add_file(kWatchdogDropIn, "[Manager]\nRuntimeWatchdogSec=120\n");
    status = 1;
    Result<> noted = note("committed\n");
    ASSERT_FALSE(noted);
    EXPECT_EQ(noted.error().what.find("giving up the hardware watchdog: busctl: exit status 1"), 0U);
    EXPECT_EQ(state(), "passed\n");
}

TEST_F(HealthAnswer, AWatchdogThatWasAskedForStays) {
    system.add_file("/proc/cmdline", "mangrove.probation=450 mangrove.watchdog=60\n");
    system.add_file(kWatchdogDropIn, "kept");
    ASSERT_TRUE(note("committed\n"));
    EXPECT_EQ(system.file(kWatchdogDropIn), "kept");
    EXPECT_EQ(ran, "");
}

} // namespace
} // namespace mangrove
