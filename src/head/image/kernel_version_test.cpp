#include "head/image/kernel_version.h"

#include <gtest/gtest.h>
#include <utility>

namespace mangrove::head {

namespace {

TEST(KernelVersion, is_ordered_as_distributions_do) {
    constexpr std::pair<const char*, const char*> kOlderAndNewer[] = {
        {"4.18.0-553.el8_10.x86_64", "4.18.0-553.16.1.el8_10.x86_64"},
        {"4.18.0-80.el8.x86_64", "4.18.0-553.el8_10.x86_64"},
        {"5.14.0-70.13.1.el9_0.x86_64", "5.14.0-362.8.1.el9_3.x86_64"},
        {"6.1.0-9-amd64", "6.1.0-10-amd64"},
        {"6.1.0-0.deb11.7-amd64", "6.1.0-10-amd64"},
        {"6.12~rc6-amd64", "6.12.1-amd64"},
        {"6.12.0-rc5", "6.12.0"},
        {"6.12.0-rc5", "6.12.0-rc10"},
        {"6.8.0-31-generic", "6.8.0-101-generic"},
        {"5.3.18-150300.59.9-default", "5.3.18-150300.59.101-default"},
        {"6.6.9-0-lts", "6.6.31-0-lts"},
        {"5.15.0-8.91.4.el8uek.x86_64", "5.15.0-200.131.27.el8uek.x86_64"},
        {"1.0", "1.0.1"},
        {"1.0~2", "1.0"},
        {"1.0", "1.0^git1"},
        {"1.0^git1", "1.0.1"},
        {"1.a", "1.1"},
        {"99999999999999999998", "99999999999999999999"},
    };
    for (const auto& [older, newer] : kOlderAndNewer) {
        EXPECT_TRUE(compare_versions(older, newer) < 0) << older << " " << newer;
        EXPECT_TRUE(compare_versions(newer, older) > 0) << older << " " << newer;
    }
    EXPECT_TRUE(compare_versions("6.1.0-09", "6.1.0-9") == 0);
}

TEST(KernelVersion, variants) {
    for (const char* version :
         {"5.14.0-427.13.1.el9_4.x86_64+debug", "5.14.0-427.13.1.el9_4.x86_64+rt", "6.1.0-18-cloud-amd64",
          "6.1.0-18-rt-amd64", "4.18.0-553.rt7.342.el8_10.x86_64", "6.6.31-0-virt", "5.15.0-91-lowlatency",
          "5.14.0-427.el9.aarch64+64k-debug"})
        EXPECT_TRUE(is_kernel_variant(version)) << version;
    for (const char* version : {"5.14.0-427.13.1.el9_4.x86_64", "6.1.0-18-amd64", "6.6.31-0-lts",
                                "6.4.0-150600.21-default", "5.15.0-91-generic", "6.9.1-arch1-1"})
        EXPECT_FALSE(is_kernel_variant(version)) << version;
}

TEST(KernelVersion, what_can_be_part_of_a_boot_script) {
    EXPECT_TRUE(is_kernel_version("6.12~rc6+deb13-amd64"));
    for (const char* version : {"", "1.0\necho", "-1", "1 0", "1/2", "..", "$(x)"})
        EXPECT_FALSE(is_kernel_version(version)) << version;
}

} // namespace

} // namespace mangrove::head
