#include "head/rollout/driver.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace mangrove::head {
namespace {

using testing::HasSubstr;

std::string problem_of(const Policy& policy) {
    Result<> checked = check_drivers(policy);
    return checked ? "" : checked.error().what;
}

TEST(Drivers, AreThoseThatAHeadNodeCanDo) {
    EXPECT_EQ(problem_of({}), "");
    EXPECT_EQ(problem_of({.restart = "ssh"}), "");
    EXPECT_EQ(problem_of({.drain = "command:/d", .restart = "command:/usr/bin/restart"}), "");
    EXPECT_THAT(problem_of({.restart = "redfish"}),
                HasSubstr("--restart redfish: not known; expected none, ssh"));
    EXPECT_THAT(problem_of({.restart = "command:restart"}), HasSubstr("expected an absolute path"));
    EXPECT_THAT(problem_of({.drain = "slurm", .restart = "ssh"}), HasSubstr("--drain slurm: not known"));
    EXPECT_THAT(problem_of({.drain = "command:/d"}), HasSubstr("nobody restarts nodes that are drained"));
}

TEST(Drivers, EndOnlyTheBootThatWasMeant) {
    Action action{
        .kind = Action::Kind::restart, .node = "n1", .rollout = "1", .how = "ssh", .boot = "0a-1", .id = {}};
    std::vector<std::string> words = *command_for(action);
    EXPECT_THAT(words, testing::Contains("root@n1"));
    EXPECT_EQ(words.back(), "grep -qx 0a-1 /proc/sys/kernel/random/boot_id || exit 0; systemctl reboot");
    action.boot = "; rm -rf /";
    EXPECT_EQ(command_for(action)->back(), "systemctl reboot");
}

TEST(Drivers, CommandsGetTheNode) {
    Action action{.kind = Action::Kind::restart,
                  .node = "n1",
                  .rollout = "1",
                  .how = "command:/r",
                  .boot = {},
                  .id = {}};
    EXPECT_THAT(*command_for(action), testing::ElementsAre("timeout", "120", "/r", "n1"));
    action.kind = Action::Kind::drain;
    EXPECT_THAT(*command_for(action), testing::ElementsAre("/r", "drain", "n1"));
    action.kind = Action::Kind::resume;
    EXPECT_THAT(*command_for(action), testing::ElementsAre("/r", "resume", "n1"));
    action.how = "slurm";
    EXPECT_FALSE(command_for(action));
}

} // namespace
} // namespace mangrove::head
