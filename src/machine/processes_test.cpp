#include "machine/processes.h"

#include <gtest/gtest.h>

#include "system/fake/system.h"

namespace mangrove {
namespace {

struct Processes : testing::Test {
    Processes() { system.add_file("/proc/1/mountinfo", "21 1 0:21 / / rw - overlay overlay rw\n"); }
    void add_iscsid(const std::string& mountinfo) {
        system.add_file("/proc/7/comm", "iscsid\n");
        system.add_file("/proc/7/status", "Name:\tiscsid\nState:\tS (sleeping)\nUid:\t0\t0\t0\t0\n");
        if (!mountinfo.empty()) system.add_file("/proc/7/mountinfo", mountinfo);
    }
    bool is_found() { return does_root_run(system, "iscsid"); }

    Transcript transcript;
    FakeSystem system{transcript};
};

TEST_F(Processes, OfRootAreFound) {
    EXPECT_FALSE(is_found());
    add_iscsid("21 1 0:21 / / rw - overlay overlay rw\n");
    EXPECT_TRUE(is_found());
}

TEST_F(Processes, OfAContainerThatSharesThoseOfTheMachineDoNotCount) {
    add_iscsid(
        "90 80 0:57 / / rw - overlay overlay rw\n91 90 0:21 /etc/hosts /etc/hosts rw - overlay o rw\n");
    EXPECT_FALSE(is_found());
    add_iscsid("90 80 0:21 /var/lib/containers/7 / rw - overlay overlay rw\n");
    EXPECT_FALSE(is_found());
}

TEST_F(Processes, OfAConfinedUnitCount) {
    add_iscsid("80 70 0:2 / / rw - rootfs rootfs rw\n90 80 0:21 / / ro - overlay overlay rw\n"
               "91 90 0:60 / /home ro - tmpfs tmpfs ro\n");
    EXPECT_TRUE(is_found());
}

TEST_F(Processes, WhoseRootNobodyTellsCount) {
    add_iscsid("");
    EXPECT_TRUE(is_found());
}

} // namespace
} // namespace mangrove
