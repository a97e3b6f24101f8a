#include "restart/plan.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "restart/testing/node.h"

namespace mangrove {
namespace {

using testing::HasSubstr;

TEST(Plan, SaysWhatTheHeadNodeHas) {
    Plan plan = parse_plan(kPlan).value();
    EXPECT_EQ(plan.definition, kDefinitionUrl);
    EXPECT_EQ(plan.kernel.url, "http://192.0.2.1/blob/k");
    EXPECT_EQ(plan.kernel.digest, digest_of("the kernel"));
    EXPECT_EQ(plan.kernel_version, "6.12.43-amd64 (builder@host) #1 SMP Debian 6.12.43-1");
    ASSERT_EQ(plan.initramfs.size(), 2u);
    EXPECT_EQ(plan.initramfs[1].url, "http://192.0.2.1/blob/i");
    EXPECT_EQ(plan.arguments, (std::vector<std::string>{"mangrove.definition=x", "quiet", "panic=30"}));
    for (const char* bad : {"", "{", "[]", "{}", R"({"definition":"x"})"})
        EXPECT_FALSE(parse_plan(bad)) << bad;
}

TEST(Plan, IsAskedForWhereTheKernelGotItsDefinition) {
    RunningNode node;
    const std::string release = "https://192.0.2.1/n/boot?node=n001&release=r-2";
    const std::string own = "https://192.0.2.1/n/boot?node=n001";
    node.downloads.serve(release, {.body = kPlan});
    node.downloads.serve(own, {.body = kPlan});
    ASSERT_TRUE(fetch_plan(node.system, "r-2"));
    ASSERT_TRUE(fetch_plan(node.system, ""));
    EXPECT_EQ(node.downloads.requests[0].url, release);
    EXPECT_EQ(node.downloads.requests[0].authorities, "/run/mangrove/ca.pem");
    EXPECT_EQ(node.downloads.requests[1].url, own);
    node.system.add_file("/proc/cmdline", "mangrove.definition=dhcp\n");
    EXPECT_THAT(fetch_plan(node.system, "").error().what,
                HasSubstr("mangrove-head has not booted this node"));
}

struct KernelCase {
    const char* changed; ///< file
    const char* contents;
    const char* refusal; ///< empty: none
};

TEST(Plan, IsForTheRunningKernelAlone) {
    const KernelCase cases[] = {
        {"/proc/cmdline", "mangrove.definition=y quiet panic=30 BOOTIF=01-52-54-00-12-34-56 initrd=a\n", ""},
        {"/proc/cmdline", "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef quiet panic=30\n",
         ""},
        {"/proc/cmdline", "quiet panic=30 mangrove.probation=450 mangrove.served=0\n", ""},
        {"/proc/cmdline", "quiet\n", "the release has the kernel arguments 'quiet panic=30'"},
        {"/proc/cmdline", "panic=30 quiet\n", "was started with 'panic=30 quiet'; restart with --kexec"},
        {"/proc/cmdline", "quiet panic=30 debug\n", "restart with --kexec"},
        {"/proc/sys/kernel/osrelease", "6.12.43\n", "and 6.12.43 #1 SMP Debian 6.12.43-1 is running"},
        {"/proc/sys/kernel/version", "#1 SMP Debian 6.12.43-2\n", "restart with --kexec"},
    };
    for (const KernelCase& each : cases) {
        RunningNode node;
        node.system.add_file(each.changed, each.contents);
        Result<> checked = check_kernel(node.system, parse_plan(kPlan).value());
        EXPECT_EQ(checked.has_value(), std::string(each.refusal).empty()) << each.contents;
        if (!checked) EXPECT_THAT(checked.error().what, HasSubstr(each.refusal));
    }
}

} // namespace
} // namespace mangrove
