#include "head/rollout/slurm.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace mangrove::head {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::UnorderedElementsAre;
using Kind = Action::Kind;
using Event = NodeEvent::Kind;

/// As Debian's Slurm 22.05 prints it.
std::string line(const std::string& name, const std::string& state, const std::string& rest = "",
                 int memory = 0) {
    return text("NodeName=", name,
                " Arch=x86_64 CoresPerSocket=1  CPUAlloc=0 CPUEfctv=2 CPUTot=2 NodeAddr=10.0.0.1 ",
                "NodeHostName=host-", name,
                " Version=22.05.8 OS=Linux 6.1.0 #1 SMP  RealMemory=900 AllocMem=", memory, " State=", state,
                " ThreadsPerCore=1 NextState=DOWN Partitions=p  BootTime=None ", "ExtSensorsTemp=n/s",
                rest.empty() ? "" : " Reason=" + rest, "\n");
}

SlurmNode parsed(const std::string& printed) {
    return parse_slurm_nodes(printed).at(0);
}

TEST(SlurmNodes, AreReadGenerously) {
    SlurmNode node = parsed(line("n1", "ALLOCATED+DRAIN+REBOOT_REQUESTED",
                                 "mangrove:1 : reboot issued [root@2026-11-30T15:36:19] Comment=a [b] c"));
    EXPECT_EQ(node, (SlurmNode{.name = "n1",
                               .host = "host-n1",
                               .states = {"ALLOCATED", "DRAIN", "REBOOT_REQUESTED"},
                               .reason = "mangrove:1 : reboot issued",
                               .has_jobs = true}));
    EXPECT_EQ(parsed(line("n1", "IDLE+DRAIN", "bad [x y] State=DOWN [slurm@2026-11-30T15:36:19]")).reason,
              "bad [x y] State=DOWN");
    EXPECT_EQ(parsed(line("n1", "IDLE+DRAIN", "two words Comment=c Extra=e")).reason, "two words");
    EXPECT_TRUE(parsed(line("n1", "IDLE", "", 512)).has_jobs) << "one that is suspended";
    EXPECT_THAT(parsed(line("n1", "DRAINING")).states, UnorderedElementsAre("DRAIN", "ALLOCATED"));
    EXPECT_THAT(parsed(line("n1", "DOWN*+DRAIN")).states, UnorderedElementsAre("DOWN", "DRAIN"));
    EXPECT_THAT(parsed(line("n1", "REBOOT^")).states, UnorderedElementsAre("REBOOT_ISSUED"));
    EXPECT_THAT(parse_slurm_nodes("\nNo nodes in the system\n"), IsEmpty());
    EXPECT_EQ(parsed("NodeName=n1").states.size(), 0u);
}

/// A Slurm that says what the test has written.
struct FakeSlurm {
    std::string printed = {};
    std::vector<std::string> commands = {};
    std::string refusal = {};

    SlurmOutcome take(Kind kind, const std::string& how = "slurm") { return take({action(kind, "n1", how)}); }
    SlurmOutcome take(const std::vector<Action>& actions) {
        return take_in_slurm(actions, [&](const std::vector<std::string>& words) -> Result<std::string> {
            if (words == std::vector<std::string>{"show", "node", "--oneliner"}) return printed;
            commands.push_back(join(words, " "));
            if (!refusal.empty()) return permanent_error(refusal);
            return "";
        });
    }
    static Action action(Kind kind, const std::string& node, const std::string& how = "slurm") {
        return {.kind = kind,
                .node = node,
                .rollout = "7",
                .how = how,
                .boot = {},
                .id = {},
                .is_in_slurm = true};
    }
};

/// Returns the command, or the event with its reason, that an action leads to.
std::string result_of(Kind kind, const std::string& printed, const std::string& how = "slurm") {
    FakeSlurm slurm{.printed = printed};
    SlurmOutcome outcome = slurm.take(kind, how);
    if (!outcome.cleared.empty()) return "cleared";
    if (outcome.events.empty()) return join(slurm.commands, "; ");
    constexpr std::pair<Event, const char*> kNames[] = {{Event::drained, "drained"},
                                                        {Event::refused, "refused"},
                                                        {Event::hindered, "hindered"},
                                                        {Event::restarted, "restarted"},
                                                        {Event::resumed, "resumed"}};
    const NodeEvent& event = outcome.events[0].event;
    std::string name = std::ranges::find(kNames, event.kind, &std::pair<Event, const char*>::first)->second;
    return name + (event.why.empty() ? "" : ": " + event.why);
}

constexpr const char* kOurs = "mangrove:7 [root@2026-11-30T15:36:19]";
constexpr const char* kAgain = "mangrove:7 : reboot issued [slurm@2026-11-30T15:36:19]";
constexpr const char* kDrain = "update nodename=n1 state=drain reason=mangrove:7";

TEST(Slurm, DrainsANodeAndWaitsForItsJobs) {
    EXPECT_EQ(result_of(Kind::drain, line("n1", "IDLE")), kDrain);
    EXPECT_EQ(result_of(Kind::drain, line("n1", "MIXED")), kDrain);
    EXPECT_EQ(result_of(Kind::drain, line("n1", "IDLE", kAgain)), kDrain) << "a reason that was left";
    EXPECT_EQ(result_of(Kind::drain, line("n1", "ALLOCATED+DRAIN", kOurs)),
              "hindered: its jobs in Slurm have not ended yet");
    EXPECT_THAT(result_of(Kind::drain, line("n1", "IDLE+COMPLETING+DRAIN", kOurs)), HasSubstr("hindered"));
    EXPECT_THAT(result_of(Kind::drain, line("n1", "UNKNOWN+DRAIN", kOurs)), HasSubstr("hindered"));
    EXPECT_EQ(result_of(Kind::drain, line("n1", "IDLE+DRAIN", kOurs)), "drained");
    EXPECT_EQ(result_of(Kind::drain, line("n1", "DOWN+NOT_RESPONDING", kAgain)), "drained");
}

TEST(Slurm, LeavesNodesOfOthersAlone) {
    const char* kOperator = "bad dimm [root@2026-11-30T15:36:19]";
    for (const char* state :
         {"IDLE+DRAIN", "ALLOCATED+DRAIN", "DOWN", "IDLE+FAIL", "IDLE+REBOOT_REQUESTED"}) {
        std::string printed = line("n1", state, kOperator);
        EXPECT_THAT(result_of(Kind::drain, printed), testing::StartsWith("refused: Slurm has n1 as"));
        EXPECT_THAT(result_of(Kind::drain, printed), testing::EndsWith(": bad dimm; left alone"));
        for (const char* how : {"slurm", "ssh"})
            EXPECT_THAT(result_of(Kind::restart, printed, how), HasSubstr("hindered")) << state;
        EXPECT_THAT(result_of(Kind::power_cycle, printed, "power"), HasSubstr("hindered")) << state;
        EXPECT_EQ(result_of(Kind::resume, printed), "resumed") << state;
    }
    EXPECT_THAT(result_of(Kind::drain, line("n1", "IDLE+POWERED_DOWN")), HasSubstr("refused"));
    EXPECT_THAT(result_of(Kind::drain, line("n2", "IDLE")), HasSubstr("Slurm does not know n1; add it"));
    EXPECT_EQ(result_of(Kind::resume, line("n2", "IDLE")), "resumed");
}

TEST(Slurm, RestartsADrainedNodeOnce) {
    EXPECT_EQ(result_of(Kind::restart, line("n1", "IDLE+DRAIN", kOurs)), "reboot reason=mangrove:7 n1");
    EXPECT_EQ(result_of(Kind::restart, line("n1", "IDLE+DRAIN+REBOOT_REQUESTED", kOurs)), "restarted");
    EXPECT_EQ(result_of(Kind::restart, line("n1", "DOWN+DRAIN+REBOOT_ISSUED", kAgain)), "restarted");
    EXPECT_EQ(result_of(Kind::restart, line("n1", "DOWN+DRAIN", kAgain)), "reboot reason=mangrove:7 n1");
    EXPECT_THAT(result_of(Kind::restart, line("n1", "MIXED+DRAIN", kOurs)), HasSubstr("have not ended"));
    EXPECT_EQ(result_of(Kind::restart, line("n1", "ALLOCATED")), kDrain) << "an operator has resumed it";
}

TEST(Slurm, ClearsRestartsByOthersWhenJobsHaveEnded) {
    EXPECT_EQ(result_of(Kind::restart, line("n1", "IDLE+DRAIN", kOurs), "ssh"), "cleared");
    EXPECT_EQ(result_of(Kind::power_cycle, line("n1", "DOWN+DRAIN+REBOOT_ISSUED", kAgain), "power"),
              "cleared");
    EXPECT_THAT(result_of(Kind::power_cycle, line("n1", "ALLOCATED+DRAIN", kOurs), "power"),
                HasSubstr("have not ended"));
    EXPECT_EQ(result_of(Kind::power_cycle, line("n1", "IDLE"), "power"), kDrain);
}

TEST(Slurm, ResumesOnlyWhatItHasDrained) {
    EXPECT_EQ(result_of(Kind::resume, line("n1", "ALLOCATED+DRAIN", kOurs)),
              "update nodename=n1 state=resume");
    EXPECT_EQ(result_of(Kind::resume, line("n1", "DOWN", "mangrove:3 : reboot timed out")),
              "update nodename=n1 state=resume");
    EXPECT_EQ(result_of(Kind::resume, line("n1", "IDLE+DRAIN+REBOOT_REQUESTED", kOurs)), "cancel_reboot n1");
    EXPECT_EQ(result_of(Kind::resume, line("n1", "DOWN+DRAIN+REBOOT_ISSUED", kAgain)),
              "hindered: slurmd has not registered since the restart");
    EXPECT_EQ(result_of(Kind::resume, line("n1", "IDLE+NOT_RESPONDING")), "resumed");
}

TEST(Slurm, FindsNodesByTheirOtherNames) {
    EXPECT_EQ(result_of(Kind::drain, line("x", "IDLE") + line("n1.example", "IDLE")),
              "refused: Slurm does not "
              "know n1; add it to "
              "slurm.conf");
    FakeSlurm slurm{.printed = line("c1", "IDLE") + line("n2", "IDLE")};
    slurm.take({FakeSlurm::action(Kind::drain, "host-c1"), FakeSlurm::action(Kind::drain, "n2.hpc.example")});
    EXPECT_THAT(slurm.commands, ElementsAre("update nodename=c1,n2 state=drain reason=mangrove:7"));
    std::string twice = line("a", "IDLE");
    std::string same_host = line("b", "IDLE");
    same_host.replace(same_host.find("host-b"), 6, "host-a");
    slurm = {.printed = twice + same_host};
    EXPECT_EQ(slurm.take({FakeSlurm::action(Kind::drain, "host-a")}).events.at(0).event.kind, Event::refused);
}

TEST(Slurm, TakesManyNodesWithFewCommands) {
    FakeSlurm slurm;
    std::vector<Action> actions;
    for (int i = 0; i < 1200; ++i) {
        std::string name = text("n", i);
        slurm.printed += line(name, i % 2 == 0 ? "IDLE" : "IDLE+DRAIN", i % 2 == 0 ? "" : kOurs);
        actions.push_back(FakeSlurm::action(i % 2 == 0 ? Kind::drain : Kind::resume, name));
    }
    slurm.take(actions);
    EXPECT_EQ(slurm.commands.size(), 4u);
}

TEST(Slurm, TellsNodesWhatItSays) {
    FakeSlurm slurm{.printed = line("n1", "IDLE"), .refusal = "slurm_update error: Access/permission denied"};
    SlurmOutcome outcome = slurm.take(Kind::drain);
    EXPECT_EQ(outcome.problem, slurm.refusal);
    ASSERT_EQ(outcome.events.size(), 1u);
    EXPECT_EQ(outcome.events[0].event.kind, Event::hindered);
    EXPECT_EQ(outcome.events[0].event.why, slurm.refusal);

    outcome = take_in_slurm({FakeSlurm::action(Kind::resume, "n1")}, [](const auto&) {
        return permanent_error("Unable to contact slurm controller");
    });
    EXPECT_EQ(outcome.problem, "Unable to contact slurm controller");
    EXPECT_EQ(outcome.events.at(0).event.kind, Event::hindered);
}

TEST(Slurm, MustHaveARebootProgram) {
    auto check = [](const std::string& config) {
        return check_reboot_program([&](const auto&) -> Result<std::string> { return config; });
    };
    EXPECT_FALSE(check("RebootProgram           = (null)\n"));
    EXPECT_TRUE(check("RebootProgram           = /usr/sbin/reboot\n"));
    EXPECT_TRUE(check_reboot_program([](const auto&) { return permanent_error("no answer"); }));
}

} // namespace
} // namespace mangrove::head
