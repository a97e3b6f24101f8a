#include "restart/soft.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "definition/parse.h"
#include "machine/kernel_command_line.h"
#include "restart/testing/node.h"
#include "root/hand_over_watchdog.h"
#include "root/probation.h"
#include "trust/envelope.h"
#include "trust/policy.h"
#include "trust/test_signature.h"

namespace mangrove {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

constexpr const char* kReboot = "systemctl soft-reboot";

std::string refusal(RunningNode& node, const std::vector<std::string>& further_arguments = {}) {
    Plan plan = parse_plan(kPlan).value();
    plan.arguments.insert(plan.arguments.end(), further_arguments.begin(), further_arguments.end());
    Result<> restarted = restart_softly(node.system, plan, node.runner());
    return restarted ? "" : describe(restarted.error());
}

/// Everything that a restart which was refused must leave as it was.
void expect_untouched(RunningNode& node, const std::string& why) {
    FakeSystem& system = node.system;
    EXPECT_THAT(system.mounts(), IsEmpty()) << why;
    EXPECT_EQ(system.path_kind("/run/nextroot"), PathKind::missing) << why;
    EXPECT_EQ(system.file(kReportPath), R"({"release":"r-1"})") << why;
    EXPECT_TRUE(system.file(kReportPosted)) << why;
    EXPECT_FALSE(system.file(kSoftBootId)) << why;
    EXPECT_FALSE(system.file(kReportPostPath)) << why;
    EXPECT_FALSE(system.file(kSoftArguments)) << why;
    EXPECT_EQ(system.file(kProbationState), "passed\n") << why;
    EXPECT_EQ(system.file(kHealthSettings), "settings of r-1") << why;
    EXPECT_EQ(system.file("/run/systemd/system/mangrove-health.service"), "of r-1") << why;
    EXPECT_FALSE(system.file("/run/systemd/system/mangrove-report.service")) << why;
    EXPECT_EQ(system.host_name().empty() ? "n001" : system.host_name(), "n001") << why;
    EXPECT_THAT(system.retired_residents(), Not(Contains(17))) << why;
    bool was_stopped = std::ranges::any_of(
        node.programs, [](const std::string& program) { return program.starts_with("systemctl stop"); });
    if (was_stopped)
        EXPECT_THAT(node.programs, Contains("systemctl start --no-block mangrove-health.service")) << why;
}

TEST(SoftRestart, StartsSystemdFromTheNextRoot) {
    RunningNode node;
    ASSERT_EQ(refusal(node), "");
    FakeSystem& system = node.system;
    EXPECT_EQ(node.programs.back(), kReboot);
    EXPECT_THAT(system.mounts(), Contains("/run/nextroot"));
    std::string id = system.file(kSoftBootId).value_or("");
    EXPECT_EQ(id.size(), 37u);
    std::string report = system.file(kReportPath).value_or("");
    EXPECT_THAT(report, HasSubstr(text(R"("boot_id":")", trim(id), R"(","soft":true)")));
    EXPECT_THAT(report, HasSubstr(R"("release":"r-2")"));
    EXPECT_FALSE(system.file(kReportPosted));
    EXPECT_THAT(system.file(kReportPostPath).value_or(""), HasSubstr("https://192.0.2.1/n/report"));
    EXPECT_THAT(system.file(kHealthSettings).value_or(""), HasSubstr("https://192.0.2.1/n/health"));
    EXPECT_EQ(system.file(kServerAuthorities), "certificates");
    EXPECT_THAT(system.retired_residents(), IsEmpty());
}

std::vector<std::string> residents_of(RunningNode& node) {
    std::vector<std::string> names;
    for (const Resident& resident : node.system.started_residents())
        names.push_back(resident.name);
    return names;
}

TEST(SoftRestart, OfANodeUnderWayHasTheGuardOfABoot) {
    RunningNode node;
    ASSERT_EQ(refusal(node, {"mangrove.probation=450", "mangrove.served=0123"}), "");
    EXPECT_THAT(residents_of(node), Contains("the probation"));
    EXPECT_EQ(node.system.file(kWatchdogDropIn), "[Manager]\nRuntimeWatchdogSec=120\n");
    std::string heard = text(std::chrono::floor<seconds>(node.system.now() - Time()).count(), "\n");
    EXPECT_EQ(node.system.file(kProbationState), heard)
        << "it does not begin with the kernel, nor is it over";
    EXPECT_THAT(node.system.file(kReportPath).value_or(""), HasSubstr(R"("served":"0123")"));
    EXPECT_EQ(read_arguments(node.system).value_or(""),
              "mangrove.definition=x quiet panic=30 mangrove.probation=450 mangrove.served=0123 "
              "BOOTIF=01-52-54-00-12-34-56\n");
}

TEST(SoftRestart, OfACommittedNodeEndsTheGuardOfTheEarlierBoot) {
    RunningNode node;
    node.system.add_file(kWatchdogDropIn, "[Manager]\nRuntimeWatchdogSec=120\n");
    ASSERT_EQ(refusal(node), "");
    EXPECT_THAT(residents_of(node), Not(Contains("the probation")));
    EXPECT_FALSE(node.system.file(kWatchdogDropIn));
    EXPECT_FALSE(node.system.file(kProbationState));
}

struct SigningNode : RunningNode {
    SigningNode() {
        system.add_file(kKeptSigners, trust::kSignerLine);
        system.add_file(kKeptPolicy, trust::policy_text({}));
        downloads.serve("https://192.0.2.1/n/definition.sig?node=n001&release=r-2",
                        {.body = trust::kSignature});
    }
};

TEST(SoftRestart, DemandsTheSignatureThatTheInitramfsDemanded) {
    SigningNode node;
    EXPECT_THAT(refusal(node), HasSubstr("the signature does not fit"));
    expect_untouched(node, "another's signature");
    SigningNode other;
    other.system.add_file(kKeptPolicy, "");
    EXPECT_NE(refusal(other), "") << "a damaged policy is no policy that takes everything";
}

TEST(SoftRestart, HandsTheEarlierRootBackWhenTheNextOneHasItsPlace) {
    RunningNode node;
    ASSERT_EQ(refusal(node), "");
    node.system.soft_reboot();
    EXPECT_THAT(node.system.retired_residents(), ElementsAre(17));
    EXPECT_EQ(node.system.path_kind("/run/mangrove/layers/layer0"), PathKind::missing);
}

TEST(SoftRestart, BringsTheLayersOfTheNextRootAlong) {
    RunningNode node;
    // The fake's own file stays as it is.
    node.system.when_loaded = [&](const std::string& module) {
        if (module == "overlay")
            node.system.add_file(
                "/proc/self/mountinfo",
                node.system.file("/proc/self/mountinfo").value_or("")
                    + "25 22 0:32 / /run/nextroot rw - overlay overlay rw\n"
                      "26 22 8:16 / /run/mangrove/layers/layer1 ro - squashfs /dev/sdb ro\n");
    };
    ASSERT_EQ(refusal(node), "");
    EXPECT_THAT(node.system.carried_mounts(), ElementsAre("/run/mangrove/layers/layer1"));
    EXPECT_THAT(residents_of(node), Contains("the reads of /dev/sdb"));
    EXPECT_THAT(residents_of(node), Not(Contains("the reads of /dev/sda")));
}

TEST(SoftRestart, RefusesAnOldSystemd) {
    RunningNode node;
    node.systemd = "systemd 252 (252.39-1)\n";
    EXPECT_THAT(refusal(node),
                HasSubstr("systemd 252 is running, and can restart without a kernel from 254"));
    node.systemd = "sh: systemctl: not found\n";
    EXPECT_THAT(refusal(node), HasSubstr("no systemd is running"));
    expect_untouched(node, "an old systemd");
    EXPECT_THAT(node.downloads.requests, IsEmpty());
}

TEST(SoftRestart, RefusesAnotherKernel) {
    RunningNode node;
    node.system.add_file("/proc/cmdline", "quiet\n");
    EXPECT_THAT(refusal(node), HasSubstr("restart with --kexec"));
    expect_untouched(node, "another kernel");
    EXPECT_THAT(node.downloads.requests, IsEmpty()) << "the definition would count as a boot";
}

TEST(SoftRestart, RefusesARootWithoutSystemd) {
    RunningNode node;
    node.system.add_disk("/dev/sdb", {"squashfs", "next", ""},
                         {{"/dev/", ""}, {"/proc/", ""}, {"/sys/", ""}, {"/run/", ""}, {"/sbin/init*", ""}});
    EXPECT_THAT(refusal(node), HasSubstr("looking for the root's systemd"));
    expect_untouched(node, "no systemd");
}

TEST(SoftRestart, IsUndoneWhenSystemdDoesNotBegin) {
    RunningNode node;
    node.refused_program = kReboot;
    EXPECT_EQ(refusal(node), "systemctl soft-reboot failed: Access denied");
    expect_untouched(node, "systemctl");
    node.system.soft_reboot(); // nobody waits for it any more
    EXPECT_THAT(node.system.retired_residents(), IsEmpty());
}

TEST(SoftRestart, EachStepThatFailsIsUndone) {
    RunningNode whole;
    size_t before = whole.transcript.lines().size();
    ASSERT_EQ(refusal(whole), "");
    size_t refusals = 0;
    for (size_t step = before; step < whole.transcript.lines().size(); ++step) {
        RunningNode node;
        node.transcript.fail_at(step);
        std::string why = refusal(node);
        if (why.empty()) continue; // some steps are only warned of, as at a boot
        ++refusals;
        expect_untouched(node, text(whole.transcript.lines()[step], ": ", why));
        EXPECT_THAT(node.programs, Not(Contains(kReboot))) << why;
    }
    EXPECT_GT(refusals, 20u);
}

TEST(SoftRestart, RefusesRootsThatTwoSystemsCannotShare) {
    const std::string local =
        R"({"kind":"attach","attach":{"attach":{"kind":"local","local":{"label":"a"}}}})";
    const std::string loop =
        R"({"kind":"attach","attach":{"attach":{"kind":"loopback","loopback":{"path":"/a"}}}})";
    auto overlay = [](const std::string& lower, const std::string& upper) {
        return text(R"({"kind":"overlay","overlay":{"lower":[)", lower, "]", upper, "}}");
    };
    const std::pair<std::string, std::string> cases[] = {
        {overlay(local, ""), ""},
        {overlay(local, R"(,"upper":{"size":"1G"})"), ""},
        {R"({"kind":"nfs","nfs":{"host":"a","path":"/b"}})", ""},
        {R"({"kind":"uri","uri":{"uri":"http://a/b"}})", ""},
        {local, "two systems must not do at once"},
        {overlay(local, text(R"(,"upper":{"mount":)", local, R"(,"path":"x"})")), "two systems must not"},
        {overlay(overlay(local, text(R"(,"upper":{"mount":)", local, R"(,"path":"x"})")), ""), "two systems"},
        {overlay(R"({"kind":"attach","attach":{"attach":{"kind":"local","local":{"label":"a","on":[)"
                 R"({"kind":"nbd","nbd":{"host":"h","export":"e"}}]}}}})",
                 ""),
         "mount.overlay.lower[0] is looked for on the disks of 'on'"},
        {overlay(loop, ""), "mount.overlay.lower[0] is in the initramfs"},
        {overlay(R"({"kind":"bind","bind":{"path":"/a"}})", ""), "is in the initramfs"},
        {overlay(R"({"kind":"uri","uri":{"uri":"file:///a"}})", ""), "is in the initramfs"},
    };
    for (const auto& [mount, expected] : cases) {
        Result<definition::Definition> definition =
            definition::parse_definition(text(R"({"name":"x","mount":)", mount, "}"));
        ASSERT_TRUE(definition) << mount << describe(definition.error());
        Result<> checked = check_definition(*definition);
        EXPECT_EQ(checked.has_value(), expected.empty()) << mount;
        if (!checked) EXPECT_THAT(checked.error().what, HasSubstr(expected)) << mount;
    }
}

} // namespace
} // namespace mangrove
