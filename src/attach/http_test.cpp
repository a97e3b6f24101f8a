#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "attach/attach.h"
#include "attach/served_file.h"
#include "base/log.h"
#include "system/fake/downloads.h"
#include "system/fake/fuse_connections.h"
#include "system/fake/nbd_devices.h"
#include "system/fake/network.h"
#include "system/fake/system.h"
#include "system/fake/ublk_devices.h"

namespace mangrove {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr const char* kUrl = "http://192.0.2.1/root";

struct Machine {
    Machine() {
        system.use(devices);
        system.use(downloads);
        system.use(fuse);
        system.use(ublk);
        downloads.serve_ranges(kUrl, FakeDownloads::serve_file(std::string(1000000, 'x'), "\"one\""));
        devices.when_connected = [this](uint32_t) {
            is_connected = true;
            system.add_file("/sys/block/nbd3/queue/max_sectors_kb", "1280\n");
            system.after(milliseconds(2), [this] { system.add_disk("/dev/nbd3", {"squashfs", "", ""}); });
        };
        devices.when_disconnected = [this](uint32_t) { is_connected = false; };
        system.add_file("/proc/cmdline", "");
        wanted.urls = {kUrl};
    }
    Result<std::string> attach() { return mangrove::attach(boot, wanted, undo); }

    Transcript transcript;
    FakeSystem system{transcript};
    Boot boot{system};
    FakeNetwork network{system};
    FakeNbdDevices devices{transcript};
    FakeDownloads downloads{transcript};
    FakeFuseConnections fuse{transcript};
    FakeUblkDevices ublk{transcript};
    definition::Http wanted;
    bool is_connected = false;
    Undo undo;
};

TEST(Http, MakesADeviceThatAProcessServes) {
    Machine machine;
    Result<std::string> device = machine.attach();
    ASSERT_TRUE(device) << describe(device.error());
    EXPECT_EQ(*device, "/dev/nbd3");
    EXPECT_EQ(machine.devices.request.size, 1000448U) << "in whole sectors";
    EXPECT_EQ(machine.devices.request.server_flags, 3);
    EXPECT_EQ(machine.devices.request.dead_timeout, seconds(10));
    EXPECT_EQ(machine.system.file("/sys/block/nbd3/queue/max_sectors_kb"), "512");
    ASSERT_EQ(machine.system.started_residents().size(), 1U);
    EXPECT_EQ(machine.system.started_residents()[0].name, "HTTP file http://192.0.2.1/root");
    ASSERT_EQ(machine.boot.connections.size(), 1U);
    WatchedConnection& connection = *machine.boot.connections[0];
    EXPECT_TRUE(connection.looks_after_itself());
    EXPECT_EQ(*connection.wait_for_loss(machine.system, machine.system.now()), std::nullopt);
    ASSERT_TRUE(connection.be_patient(machine.system));
    EXPECT_GT(machine.devices.request.dead_timeout, seconds(86400));
    machine.undo.run();
    EXPECT_FALSE(machine.is_connected);
    EXPECT_TRUE(machine.boot.connections.empty());
}

TEST(Http, LeavesNothingBehindWhicheverStepFails) {
    for (size_t step = 0;; ++step) {
        Machine machine;
        machine.transcript.fail_at(step);
        if (machine.attach()) break;
        machine.undo.run();
        EXPECT_FALSE(machine.is_connected) << step;
        EXPECT_TRUE(machine.boot.connections.empty()) << step;
    }
}

TEST(Http, SaysWhyThereIsNoDevice) {
    Machine machine;
    machine.wanted.urls = {"http://192.0.2.1/none"};
    EXPECT_EQ(machine.attach().error().what, "http://192.0.2.1/none: the server answered 404");
    machine.downloads.serve_ranges(kUrl, [](const RangeRequest&) {
        return FakeDownloads::RangeReply{.head = {.status = 200}, .body = "all of it"};
    });
    machine.wanted.urls = {kUrl};
    Result<std::string> refused = machine.attach();
    EXPECT_THAT(refused.error().what, HasSubstr("the server supports no range requests"));
    EXPECT_FALSE(refused.error().is_transient());
    machine.downloads.serve_ranges(
        kUrl, [](const RangeRequest&) { return FakeDownloads::RangeReply{.head = {.status = 503}}; });
    EXPECT_TRUE(machine.attach().error().is_transient());
}

TEST(Http, BeginsWithTheFirstServerUnlessTheyShareTheNodes) {
    const char* third = "http://192.0.2.3/root";
    for (bool spread : {false, true}) {
        Machine machine;
        machine.wanted.urls = {kUrl, "http://192.0.2.2/root", third};
        machine.wanted.spread = spread;
        machine.downloads.serve_ranges(third,
                                       FakeDownloads::serve_file(std::string(1000000, 'x'), "\"one\""));
        ASSERT_TRUE(machine.attach());
        EXPECT_EQ(machine.downloads.ranges.at(0).url, spread ? third : kUrl);
        machine.undo.run();
    }
}

TEST(Http, ReadsAheadOfTheBootOnlyFromFar) {
    std::vector<std::string> log;
    set_log_sink([&](LogLevel, std::string_view line) { log.emplace_back(line); });
    Machine machine;
    milliseconds far(0);
    machine.downloads.serve_ranges(kUrl, [&](const RangeRequest& request) {
        auto reply = FakeDownloads::serve_file(std::string(1000000, 'x'), "\"one\"")(request);
        reply.round_trip = far;
        return reply;
    });
    machine.wanted.prefetch = {{0, 399'999}, {600'000, 5'000'000}};
    const char* line =
        "HTTP file http://192.0.2.1/root is 20 ms away: reading 816 KiB of it ahead of the boot";
    for (auto [round_trip, from, lines] : {std::tuple{1, 2U, 0}, {20, 2U, 1}, {20, 30U, 0}, {20, 0U, 1}}) {
        far = milliseconds(round_trip);
        machine.wanted.prefetch_round_trip = from;
        log.clear();
        ASSERT_TRUE(machine.attach());
        EXPECT_EQ(std::ranges::count(log, line), lines) << round_trip << " " << from;
        machine.undo.run();
    }
    set_log_sink({});
}

TEST(Http, MakesALoopDeviceWhereTheKernelHasNoNbd) {
    Machine machine;
    machine.system.add_missing_module("nbd");
    Result<std::string> device = machine.attach();
    ASSERT_TRUE(device) << describe(device.error());
    EXPECT_EQ(*device, "/dev/loop0");
    EXPECT_THAT(machine.transcript.lines(),
                Contains("mounting mangrove on /run/mangrove/served-file type fuse ro "
                         "fd=-1,rootmode=100444,user_id=0,group_id=0,max_read=524288"));
    EXPECT_THAT(machine.transcript.lines(),
                Contains("attaching /run/mangrove/served-file as a loop device ro direct-io"));
    EXPECT_THAT(machine.system.mounts(), IsEmpty()) << "no init finds it there";
    ASSERT_EQ(machine.boot.connections.size(), 1U);
    EXPECT_TRUE(machine.boot.connections[0]->be_patient(machine.system));
    EXPECT_TRUE(machine.boot.connections[0]->reconnect(machine.system));
    machine.undo.run();
    EXPECT_THAT(machine.system.loop_devices(), IsEmpty());
    EXPECT_TRUE(machine.boot.connections.empty());
}

TEST(Http, LeavesNoLoopDeviceBehindWhicheverStepFails) {
    for (size_t step = 0;; ++step) {
        Machine machine;
        machine.system.add_missing_module("nbd");
        machine.transcript.fail_at(step);
        if (machine.attach() && step > 0) break;
        machine.undo.run();
        EXPECT_THAT(machine.system.loop_devices(), IsEmpty()) << step;
        EXPECT_THAT(machine.system.mounts(), IsEmpty()) << step;
        EXPECT_TRUE(machine.boot.connections.empty()) << step;
    }
}

struct MachineWithUblk : Machine {
    MachineWithUblk() {
        system.add_missing_module("nbd");
        system.add_missing_module("fuse");
        // The process of the boot makes it by itself.
        system.after(milliseconds(2), [this] { system.add_disk("/dev/ublkb3", {"squashfs", "", ""}); });
    }
};

TEST(Http, MakesAUblkDeviceWhereTheKernelHasNoFuse) {
    MachineWithUblk machine;
    Result<std::string> device = machine.attach();
    ASSERT_TRUE(device) << describe(device.error());
    EXPECT_EQ(*device, "/dev/ublkb3");
    EXPECT_THAT(machine.transcript.lines(),
                Contains("making a ublk device of 1000448 bytes, at most 524288 at once"));
    machine.downloads.when_waiting = [](Deadline) { return true; };
    machine.ublk.busy = 2;
    machine.ublk.requests.push({.tag = 7, .is_read = true, .offset = 512, .length = 1});
    machine.system.started_residents().at(0).run(machine.system);
    EXPECT_THAT(machine.ublk.answers, ElementsAre("7: x")) << "the earlier process had not ended yet";
    machine.undo.run();
    EXPECT_EQ(machine.ublk.size, 0U);
    EXPECT_TRUE(machine.boot.connections.empty());
}

TEST(Http, AsksNothingOfAnEarlierProcessOfUblk) {
    MachineWithUblk machine;
    ASSERT_TRUE(machine.attach());
    WatchedConnection& connection = *machine.boot.connections.at(0);
    ASSERT_TRUE(connection.reconnect(machine.system));
    machine.ublk.busy = 1000;
    EXPECT_EQ(connection.reconnect(machine.system).error().code, EBUSY) << "it does not end";
}

TEST(Http, LeavesNoUblkDeviceBehindWhicheverStepFails) {
    for (size_t step = 0;; ++step) {
        MachineWithUblk machine;
        machine.transcript.fail_at(step);
        if (machine.attach() && machine.ublk.size > 0) break;
        machine.undo.run();
        EXPECT_EQ(machine.ublk.size, 0U) << step;
        EXPECT_TRUE(machine.boot.connections.empty()) << step;
    }
}

TEST(Http, SaysThatTheKernelHasNoDriver) {
    Machine machine;
    for (const char* module : {"nbd", "loop", "ublk_drv"})
        machine.system.add_missing_module(module);
    EXPECT_THAT(machine.attach().error().what,
                HasSubstr("http: this kernel has neither nbd nor fuse and loop nor ublk, through which"));
}

TEST(Http, NeedsTheAuthoritiesForHttps) {
    Machine machine;
    machine.wanted.urls = {"https://192.0.2.1/root"};
    EXPECT_THAT(machine.attach().error().what, HasSubstr("no CA certificates for https"));
    machine.system.add_file("/etc/mangrove/ca.pem", "the certificates");
    machine.downloads.serve_ranges("https://192.0.2.1/root",
                                   FakeDownloads::serve_file(std::string(5000, 'x'), "\"one\""));
    machine.wanted.username = "node";
    machine.wanted.password = "secret";
    Result<std::string> device = machine.attach();
    ASSERT_TRUE(device) << describe(device.error());
    EXPECT_EQ(machine.downloads.ranges.back().authorities, "the certificates");
    EXPECT_EQ(machine.downloads.ranges.back().password, "secret");
}

TEST(Http, SignsRequestsToS3WithAClockThatIsSet) {
    Machine machine;
    machine.wanted.username = "KEY";
    machine.wanted.password = "secret";
    machine.wanted.region = "us-east-1";
    machine.system.lose_wall_clock();
    ASSERT_TRUE(machine.attach());
    EXPECT_EQ(machine.downloads.ranges.back().region, "us-east-1");
    EXPECT_GT(machine.system.wall_clock(), WallTime{});
}

TEST(Http, GivesTheKernelAnotherConnectionWhenTheServerDiedInTheMidst) {
    Machine machine;
    ASSERT_TRUE(machine.attach());
    ASSERT_TRUE(machine.boot.connections[0]->reconnect(machine.system));
    EXPECT_EQ(machine.devices.hung_up, 1U);
    EXPECT_EQ(machine.devices.dead, 0U);
}

} // namespace
} // namespace mangrove
