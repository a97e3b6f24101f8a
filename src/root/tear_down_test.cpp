#include "root/tear_down.h"

#include <algorithm>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "attach/attach.h"
#include "system/fake/nbd_devices.h"
#include "system/fake/system.h"

namespace mangrove {
namespace {

using testing::Contains;
using testing::IsEmpty;

TEST(Shutdown, IsThisProgramUnlessTheInitramfsHasItsOwn) {
    Transcript transcript;
    FakeSystem system(transcript);
    system.add_file("/proc/self/exe", "program");
    ASSERT_TRUE(install_shutdown(system));
    EXPECT_EQ(system.file("/run/initramfs/shutdown"), "program");
    EXPECT_THAT(transcript.lines(), Contains("mounting /run on /run bind remount"));
    EXPECT_EQ(system.read_link("/run/mangrove/mangrove").value(), "/run/initramfs/shutdown");
    EXPECT_EQ(system.file("/run/systemd/system/run-mangrove-.mount.d/mangrove.conf"),
              "[Unit]\nDefaultDependencies=no\n");
    system.add_file("/run/initramfs/shutdown", "of dracut");
    ASSERT_TRUE(install_shutdown(system));
    EXPECT_EQ(system.file("/run/initramfs/shutdown"), "of dracut");
}

/// A machine at its end, whose root was on all kinds of attachments.
struct Machine {
    Machine() {
        system.use(devices);
        system.add_file("/proc/net/tcp", "  sl  local_address rem_address   st\n"
                                         "   0: 0100007F:0CBC 0200007F:D431 01 x\n");
        system.add_file("/proc/net/tcp6", "  sl  local_address rem_address   st\n"
                                          "   0: 0100007F:0CBC 0200007F:D431 06 x\n");
        for (const char* path : {"/oldroot", "/oldroot/run/mangrove/layers/layer0"}) {
            system.add_directory(path);
            EXPECT_TRUE(system.mount({.source = "tmpfs", .target = path, .type = "tmpfs"}));
        }
        system.add_image("/image", {"ext4", "", ""});
        EXPECT_TRUE(system.attach_loop({.file = "/image"}));
        system.add_directory("/sys/block/loop0/loop");
        system.add_file("/sys/block/nbd1/pid", "7\n");
        system.add_directory("/sys/block/nbd0");
        system.add_directory("/sys/block/sda");
        system.add_directory("/sys/bus/rbd/devices/0");
        system.add_file("/sys/bus/rbd/remove_single_major", "");
        system.add_file("/sys/class/nvme/nvme0/transport", "tcp\n");
        system.add_file("/sys/class/nvme/nvme0/delete_controller", "");
        system.add_file("/sys/class/nvme/nvme1/transport", "pcie\n");
        system.add_file("/sys/class/nvme/nvme1/delete_controller", "");
    }
    Transcript transcript;
    FakeSystem system{transcript};
    FakeNbdDevices devices{transcript};
};

TEST(TearDown, TakesBackWhatIsMountedAndAttached) {
    Machine machine;
    tear_down(machine.system);
    EXPECT_THAT(machine.system.mounts(), testing::Not(Contains(testing::StartsWith("/oldroot"))));
    EXPECT_THAT(machine.system.loop_devices(), IsEmpty());
    EXPECT_THAT(machine.transcript.lines(), Contains("disconnecting /dev/nbd1"));
    EXPECT_THAT(machine.transcript.lines(), testing::Not(Contains("disconnecting /dev/nbd0")));
    EXPECT_EQ(machine.system.file("/sys/bus/rbd/remove_single_major"), "0");
    EXPECT_EQ(machine.system.file("/sys/class/nvme/nvme0/delete_controller"), "1");
    EXPECT_EQ(machine.system.file("/sys/class/nvme/nvme1/delete_controller"), "");
}

TEST(TearDown, CanBeOfOneDeviceAlone) {
    struct Case {
        const char* device;
        const char* done;
    };
    constexpr Case kCases[] = {
        {"/dev/nbd1", "disconnecting /dev/nbd1"},
        {"/dev/loop0", "detaching /dev/loop0"},
        {"/dev/loop0p1", "detaching /dev/loop0"},
        {"/dev/rbd0", "writing '0' to /sys/bus/rbd/remove_single_major"},
        {"/dev/nvme0n1", "writing '1' to /sys/class/nvme/nvme0/delete_controller"},
        {"/dev/sda", nullptr},
        {"/dev/vda1", nullptr},
    };
    for (const Case& each : kCases) {
        Machine machine;
        machine.system.add_file("/sys/block/nvme0n1/device/subsysnqn", "nqn.a\n");
        machine.system.add_file("/sys/class/nvme/nvme0/subsysnqn", "nqn.a\n");
        machine.system.add_file("/sys/class/nvme/nvme1/subsysnqn", "nqn.b\n");
        machine.system.add_file("/sys/class/block/loop0p1/partition", "1\n");
        machine.system.add_link("/sys/class/block/loop0p1", "../../devices/virtual/block/loop0/loop0p1");
        ASSERT_TRUE(release_device(machine.system, each.device)) << each.device;
        for (const Case& other : kCases) {
            bool is_done =
                std::ranges::count(machine.transcript.lines(), text(other.done ? other.done : "")) > 0;
            bool is_wanted = each.done && other.done && std::string_view(each.done) == other.done;
            EXPECT_EQ(is_done, is_wanted) << each.device << " " << other.device;
        }
    }
}

TEST(TearDown, OfOneDeviceLeavesTheConnectionThatAnotherOneIsOn) {
    Machine machine;
    for (const char* disk : {"nvme0n1", "nvme0n2"})
        machine.system.add_file(text("/sys/block/", disk, "/device/subsysnqn"), "nqn.a\n");
    machine.system.add_file("/sys/class/nvme/nvme0/subsysnqn", "nqn.a\n");
    machine.system.use_device("/dev/nvme0n2", true);
    ASSERT_TRUE(release_device(machine.system, "/dev/nvme0n1"));
    EXPECT_EQ(machine.system.file("/sys/class/nvme/nvme0/delete_controller"), "");
    machine.system.use_device("/dev/nvme0n2", false);
    ASSERT_TRUE(release_device(machine.system, "/dev/nvme0n1"));
    EXPECT_EQ(machine.system.file("/sys/class/nvme/nvme0/delete_controller"), "1");
}

TEST(TearDown, WaitsForTheConnectionsButNotForEver) {
    Machine machine;
    Time begin = machine.system.now();
    tear_down(machine.system);
    EXPECT_GE(machine.system.now() - begin, seconds(8));
    EXPECT_LT(machine.system.now() - begin, seconds(9));
    machine.system.add_file("/proc/net/tcp", "");
    begin = machine.system.now();
    tear_down(machine.system);
    EXPECT_EQ(machine.system.now(), begin);
}

TEST(TearDown, GoesOnWhateverFails) {
    Machine whole;
    size_t before = whole.transcript.lines().size();
    tear_down(whole.system);
    for (size_t step = before; step < whole.transcript.lines().size(); ++step) {
        Machine machine;
        machine.transcript.fail_at(step);
        tear_down(machine.system);
        const std::string& failed = whole.transcript.lines()[step];
        if (failed.find("nvme") != std::string::npos) continue;
        EXPECT_EQ(machine.system.file("/sys/class/nvme/nvme0/delete_controller"), "1") << failed;
    }
}

} // namespace
} // namespace mangrove
