#include "keeper/residents.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/log.h"
#include "system/fake/system.h"

namespace mangrove {
namespace {

struct Residents : testing::Test {
    Residents() {
        set_log_sink([this](LogLevel, std::string_view line) { log.emplace_back(line); });
    }
    ~Residents() override { set_log_sink({}); }
    std::vector<std::string> started() {
        std::vector<std::string> names;
        for (const Resident& resident : system.started_residents())
            names.push_back(resident.name);
        return names;
    }

    Transcript transcript;
    FakeSystem system{transcript};
    std::vector<Resident> residents = {{"a", [](System&) {}}, {"b", [](System&) {}}};
    std::vector<std::string> log;
};

TEST_F(Residents, AreStartedAgainWhenTheyDie) {
    system.fail_residents(std::queue<std::string>({"", "signal 9", "exit status 1"}));
    Time begin = system.now();
    ASSERT_TRUE(start_residents(system, residents));
    EXPECT_THAT(started(), testing::ElementsAre("a", "b", "b", "b"));
    EXPECT_EQ(system.now() - begin, seconds(2)) << "one that dies at once must not eat the processor";
    EXPECT_THAT(log, testing::ElementsAre("the keeper of b died (signal 9); restarting it",
                                          "the keeper of b died (exit status 1); restarting it"));
}

TEST_F(Residents, AreStartedUntilItWorks) {
    transcript.fail_at(1);
    ASSERT_TRUE(start_residents(system, residents));
    EXPECT_THAT(started(), testing::ElementsAre("a", "b"));
    ASSERT_EQ(log.size(), 1U);
    EXPECT_THAT(log[0], testing::EndsWith("; retrying"));
}

} // namespace
} // namespace mangrove
