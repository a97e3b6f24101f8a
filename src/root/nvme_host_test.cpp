#include "root/nvme_host.h"

#include <gtest/gtest.h>

#include "system/fake/system.h"

namespace mangrove {
namespace {

constexpr const char* kName = "nqn.2014-08.org.example:node7";
constexpr const char* kId = "11223344-5566-7788-99aa-bbccddeeff00";

struct NvmeHost : testing::Test {
    NvmeHost() {
        root.path = "/sysroot";
        system.add_directory("/sysroot/etc");
        add_controller("nvme0", "pcie", "");
        add_controller("nvme1", "tcp", kName);
    }
    void add_controller(const std::string& name, const std::string& transport, const std::string& host) {
        std::string controller = "/sys/class/nvme/" + name;
        system.add_file(controller + "/transport", transport + "\n");
        system.add_file(controller + "/hostnqn", host + "\n");
        system.add_file(controller + "/hostid", host.empty() ? "\n" : text(kId, "\n"));
    }
    Transcript transcript;
    FakeSystem system{transcript};
    Root root;
};

TEST_F(NvmeHost, IsWhatTheImagesNvmeCliWillUse) {
    system.add_file("/sysroot/etc/nvme/hostnqn", "nqn.of-the-golden-image\n");
    ASSERT_TRUE(hand_over_nvme_host(system, root));
    EXPECT_EQ(system.file("/sysroot/etc/nvme/hostnqn"), text(kName, "\n"));
    EXPECT_EQ(system.file("/sysroot/etc/nvme/hostid"), text(kId, "\n"));
}

TEST_F(NvmeHost, IsNotWrittenWhereNobodyReadsIt) {
    ASSERT_TRUE(hand_over_nvme_host(system, root));
    EXPECT_EQ(system.path_kind("/sysroot/etc/nvme"), PathKind::missing);
}

} // namespace
} // namespace mangrove
