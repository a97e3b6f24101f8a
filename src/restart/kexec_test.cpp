#include "restart/kexec.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "restart/testing/node.h"
#include "trust/policy.h"
#include "trust/test_signature.h"

namespace mangrove {
namespace {

using testing::Contains;
using testing::HasSubstr;
using testing::IsEmpty;

void serve_files(RunningNode& node) {
    node.downloads.serve("http://192.0.2.1/blob/k", {.body = "the kernel"});
    node.downloads.serve("http://192.0.2.1/blob/c", {.body = "certs"});
    node.downloads.serve("http://192.0.2.1/blob/i", {.body = "initramfs"});
}

struct KexecTest : testing::Test {
    KexecTest() { serve_files(node); }
    Result<> restart() { return restart_by_kexec(node.system, parse_plan(kPlan).value(), node.runner()); }

    RunningNode node;
};

TEST_F(KexecTest, StartsTheKernelOfTheRelease) {
    ASSERT_TRUE(restart());
    ASSERT_TRUE(node.system.loaded_kernel());
    EXPECT_EQ(node.system.loaded_kernel()->kernel, "the kernel");
    EXPECT_EQ(node.system.loaded_kernel()->initramfs, std::string("certs\0\0\0initramfs\0\0\0", 20));
    EXPECT_EQ(node.system.loaded_kernel()->command_line,
              "mangrove.definition=x quiet panic=30 BOOTIF=01-52-54-00-12-34-56");
    EXPECT_THAT(node.programs, testing::ElementsAre("systemctl kexec"));
    EXPECT_THAT(node.system.mounts(), IsEmpty());
}

TEST_F(KexecTest, DemandsTheSignatureThatTheInitramfsDemanded) {
    node.system.add_file(kKeptSigners, trust::kSignerLine);
    node.system.add_file(kKeptPolicy, trust::policy_text({}));
    node.downloads.serve("https://192.0.2.1/n/definition.sig?node=n001&release=r-2", {.body = "AAAA"});
    Result<> restarted = restart();
    ASSERT_FALSE(restarted);
    EXPECT_THAT(describe(restarted.error()), HasSubstr("is not one of ssh-keygen -Y sign"));
    EXPECT_FALSE(node.system.loaded_kernel());
}

TEST_F(KexecTest, RefusesAnotherKernelThanTheHeadNodeHas) {
    node.downloads.serve("http://192.0.2.1/blob/k", {.body = "another"});
    ASSERT_TRUE(restart());
    Result<> again = restart();
    ASSERT_FALSE(again);
    EXPECT_THAT(describe(again.error()), HasSubstr("digest mismatch"));
}

TEST_F(KexecTest, LeavesNoKernelLoadedWhenSystemdDoesNotShutDown) {
    node.refused_program = "systemctl kexec";
    Result<> restarted = restart();
    ASSERT_FALSE(restarted);
    EXPECT_EQ(restarted.error().what, "systemctl kexec failed: Access denied");
    EXPECT_FALSE(node.system.loaded_kernel());
}

TEST_F(KexecTest, EachStepThatFailsIsUndone) {
    ASSERT_TRUE(restart());
    size_t steps = node.transcript.lines().size();
    ASSERT_GT(steps, 5u);
    for (size_t step = 0; step < steps; ++step) {
        RunningNode other;
        serve_files(other);
        other.transcript.fail_at(other.transcript.lines().size() + step);
        Result<> restarted = restart_by_kexec(other.system, parse_plan(kPlan).value(), other.runner());
        if (restarted) continue;
        EXPECT_FALSE(other.system.loaded_kernel()) << restarted.error().what;
        EXPECT_THAT(other.system.mounts(), IsEmpty()) << restarted.error().what;
        EXPECT_THAT(other.programs, testing::Not(Contains("systemctl kexec")));
    }
}

} // namespace
} // namespace mangrove
