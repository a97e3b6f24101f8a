#include "head/rollout/driver.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "head/host/testing/full_tree.h"

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
    EXPECT_EQ(problem_of({.restart = "power"}), "");
    EXPECT_EQ(problem_of({.drain = "command:/d", .restart = "command:/usr/bin/restart"}), "");
    EXPECT_THAT(problem_of({.restart = "redfish"}),
                HasSubstr("--restart redfish: not known; expected none, ssh, soft, kexec, power, slurm, "
                          "command:/PATH"));
    EXPECT_THAT(problem_of({.restart = "command:restart"}), HasSubstr("expected an absolute path"));
    EXPECT_EQ(problem_of({.drain = "slurm", .restart = "slurm"}), "");
    EXPECT_EQ(problem_of({.drain = "slurm", .restart = "ssh"}), "");
    EXPECT_THAT(problem_of({.restart = "slurm"}), HasSubstr("give --drain slurm"));
    EXPECT_THAT(problem_of({.drain = "pbs", .restart = "ssh"}),
                HasSubstr("--drain pbs: not known; expected none, slurm, command:/PATH"));
    EXPECT_THAT(problem_of({.drain = "command:/d"}), HasSubstr("nobody restarts nodes that are drained"));
}

TEST(Drivers, EndOnlyTheBootThatWasMeant) {
    Action action{
        .kind = Action::Kind::restart, .node = "n1", .rollout = "1", .how = "ssh", .boot = "0a-1", .id = {}};
    std::vector<std::string> words = *command_for(action);
    EXPECT_THAT(words, testing::Contains("root@n1"));
    EXPECT_THAT(words, testing::IsSupersetOf({"BatchMode=yes", "StrictHostKeyChecking=no",
                                              "UserKnownHostsFile=/dev/null", "ForwardAgent=no"}));
    EXPECT_EQ(words.back(),
              "cat /run/mangrove/boot-id /proc/sys/kernel/random/boot_id 2>/dev/null | head -n 1 | "
              "grep -qx 0a-1 || exit 0; systemctl reboot");
    action.boot = "; rm -rf /";
    EXPECT_EQ(command_for(action)->back(), "systemctl reboot");
}

TEST(Drivers, ARestartIsDueUntilTheNodeBoots) {
    Stage work = make_test_directory();
    std::unique_ptr<Database> database = *open_database(work.path / "nodes.db");
    NodeState node{
        .node = "n1", .state = State::restarting, .target = "r-1", .rollout = "1", .tries = 1, .since = 7};
    Action action{.kind = Action::Kind::restart,
                  .node = "n1",
                  .rollout = "1",
                  .how = "power",
                  .boot = {},
                  .id = id_of(node, Action::Kind::restart)};
    EXPECT_TRUE(is_by_power(action));
    EXPECT_FALSE(command_for(action));
    EXPECT_EQ(is_still_due(*database, action), false);
    auto is_due = [&](const NodeState& now) {
        EXPECT_TRUE(database->commit({{now.key(), to_json(now)}}));
        return *is_still_due(*database, action);
    };
    EXPECT_TRUE(is_due(node));
    node.is_acted = true;
    EXPECT_FALSE(is_due(node)) << "another head node has done it";
    node.is_acted = false;
    node.since = 8;
    EXPECT_FALSE(is_due(node)) << "it is another restart";
    node.since = 7;
    node.tries = 2;
    EXPECT_FALSE(is_due(node)) << "it has booted";
}

TEST(Drivers, ARefusalIsOfTheTryThatItBegan) {
    const NodeState asked{
        .node = "n1", .state = State::restarting, .rollout = "1", .since = 100, .boots = {"a"}};
    Action action{.kind = Action::Kind::restart,
                  .node = "n1",
                  .rollout = "1",
                  .how = "soft",
                  .boot = "a",
                  .id = id_of(asked, Action::Kind::restart)};
    const NodeEvent done{.kind = NodeEvent::Kind::restarted};
    const NodeEvent refused{.kind = NodeEvent::Kind::restarted, .why = "systemd 252 is running"};
    EXPECT_TRUE(is_awaited(asked, action, done));
    EXPECT_TRUE(is_awaited(asked, action, refused));
    NodeState fetched = asked;
    fetched.state = State::booting;
    fetched.tries = 1;
    fetched.since = 110;
    EXPECT_FALSE(is_awaited(fetched, action, done));
    EXPECT_TRUE(is_awaited(fetched, action, refused));
    for (auto change :
         {+[](NodeState& node) { node.tries = 2; }, +[](NodeState& node) { node.rollout = "2"; },
          +[](NodeState& node) { node.boots.push_back("b"); },
          +[](NodeState& node) { node.state = State::up; }}) {
        NodeState later = fetched;
        change(later);
        EXPECT_FALSE(is_awaited(later, action, refused));
    }
}

TEST(Drivers, ANodeRestartsWithoutItsFirmwareOrSaysWhyNot) {
    Action action{.kind = Action::Kind::restart,
                  .node = "n1",
                  .rollout = "1",
                  .how = "soft",
                  .boot = {},
                  .id = {},
                  .release = "r-2f"};
    EXPECT_EQ(command_for(action)->back(),
              "/run/mangrove/mangrove restart --soft --release r-2f 2>&1 >/dev/null "
              "&& exit 0; echo refused; systemctl reboot");
    action.how = "kexec";
    action.release = "x; rm -rf /";
    EXPECT_EQ(command_for(action)->back(), "/run/mangrove/mangrove restart --kexec 2>&1 >/dev/null "
                                           "&& exit 0; echo refused; systemctl reboot");
    EXPECT_EQ(
        refusal_in(action, "mangrove: fetching\nmangrove: error: systemd 252\nmangrove:   while\nrefused\n"),
        "systemd 252");
    EXPECT_EQ(refusal_in(action, "sh: 1: mangrove: not found\nrefused\n"), "sh: 1: mangrove: not found");
    EXPECT_EQ(refusal_in(action, "mangrove: the root\n"), "");
    action.how = "ssh";
    EXPECT_EQ(refusal_in(action, "mangrove: error: x\nrefused\n"), "");
    EXPECT_EQ(full_restart("soft"), "ssh");
    EXPECT_EQ(full_restart("command:/r"), "command:/r");
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
