#include "restart/hand_back.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "restart/testing/node.h"
#include "system/fake/nbd_devices.h"

namespace mangrove {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::Not;

struct HandBack : testing::Test {
    HandBack() {
        system.use(devices);
        for (const char* name : {"nbd0", "nbd1"})
            system.add_file(text("/sys/block/", name, "/pid"), "7\n");
        system.add_directory("/sys/block/loop0/loop");
        system.add_image("/image", {"ext4", "", ""});
        EXPECT_TRUE(system.attach_loop({.file = "/image"}));
        earlier = {.keeper = {.processes = {17}, .states = {"/run/mangrove/keeper/0.json"}},
                   .devices = {"/dev/nbd0", "/dev/loop0"},
                   .directories = {"/run/mangrove/layers/layer0", "/run/nextroot"}};
        system.add_directory("/run/nextroot");
    }

    RunningNode node;
    FakeSystem& system = node.system;
    FakeNbdDevices devices{node.transcript};
    EarlierRoot earlier;
};

TEST_F(HandBack, FindsThePartsOfTheRunningRoot) {
    EarlierRoot found = look_at_root(system).value();
    EXPECT_THAT(found.devices, ElementsAre("/dev/sda"));
    EXPECT_THAT(found.directories, ElementsAre("/run/mangrove/layers/layer0", "/run/mangrove/layers/upper0"));
    EXPECT_THAT(found.keeper.processes, ElementsAre(17));
    EXPECT_THAT(found.keeper.states, ElementsAre("/run/mangrove/keeper/0.json"));
}

TEST_F(HandBack, EndsTheKeeperAndDetachesWhatTheEarlierRootWasOn) {
    hand_back(system, earlier);
    EXPECT_THAT(system.retired_residents(), ElementsAre(17));
    EXPECT_FALSE(system.file("/run/mangrove/keeper/0.json"));
    EXPECT_THAT(node.transcript.lines(), Contains("disconnecting /dev/nbd0"));
    EXPECT_THAT(node.transcript.lines(), Not(Contains("disconnecting /dev/nbd1")));
    EXPECT_TRUE(system.loop_devices().empty());
    for (const std::string& directory : earlier.directories)
        EXPECT_EQ(system.path_kind(directory), PathKind::missing) << directory;
}

TEST_F(HandBack, WaitsUntilTheKernelHasLetTheFileSystemsGo) {
    system.use_device("/dev/nbd0", true);
    system.after(seconds(3), [&] { system.use_device("/dev/nbd0", false); });
    Time begin = system.now();
    hand_back(system, earlier);
    EXPECT_THAT(node.transcript.lines(), Contains("disconnecting /dev/nbd0"));
    EXPECT_GE(system.now() - begin, seconds(3));
    EXPECT_LT(system.now() - begin, seconds(4));
}

TEST_F(HandBack, LeavesWhatIsStillInUse) {
    std::string log;
    set_log_sink([&](LogLevel, std::string_view line) { log += text(line, "\n"); });
    system.use_device("/dev/nbd0", true);
    hand_back(system, earlier);
    set_log_sink({});
    EXPECT_THAT(node.transcript.lines(), Not(Contains("disconnecting /dev/nbd0")));
    EXPECT_THAT(log, testing::HasSubstr("the earlier root is still in use: /dev/nbd0"));
}

TEST_F(HandBack, SparesAProcessThatHasTheNumberOfOneThatEnded) {
    system.add_file("/proc/17/comm", "slurmstepd\n");
    hand_back(system, earlier);
    EXPECT_TRUE(system.retired_residents().empty());
}

} // namespace
} // namespace mangrove
