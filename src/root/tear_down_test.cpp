#include "root/tear_down.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "system/fake_nbd_devices.h"
#include "system/fake_system.h"

namespace mangrove {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::IsEmpty;

TEST(MountPoints, AreThoseOfTheDirectoryTheLastFirst) {
    constexpr const char* kMountInfo = "21 1 0:20 / / rw shared:1 - tmpfs tmpfs rw\n"
                                       "22 21 0:21 / /oldroot rw - overlay mangrove rw\n"
                                       "23 22 0:22 / /oldroot/run/a\\040b rw - tmpfs tmpfs rw\n"
                                       "24 21 0:22 / /oldroots rw - tmpfs tmpfs rw\n"
                                       "25 22 0:22 / /oldroot/x rw master:1 - tmpfs tmpfs rw\n"
                                       "cut short\n";
    EXPECT_THAT(mount_points_below(kMountInfo, "/oldroot"),
                ElementsAre("/oldroot/x", "/oldroot/run/a b", "/oldroot"));
    EXPECT_THAT(mount_points_below("", "/oldroot"), IsEmpty());
}

TEST(Shutdown, IsThisProgramUnlessTheInitramfsHasItsOwn) {
    Transcript transcript;
    FakeSystem system(transcript);
    system.add_file("/proc/self/exe", "program");
    ASSERT_TRUE(install_shutdown(system));
    EXPECT_EQ(system.file("/run/initramfs/shutdown"), "program");
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
        system.add_file("/proc/self/mountinfo", "22 21 0:21 / /oldroot rw - overlay mangrove rw\n"
                                                "23 22 0:22 / /oldroot/run/mangrove/layer0 rw - nfs4 x rw\n");
        for (const char* path : {"/oldroot", "/oldroot/run/mangrove/layer0"}) {
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
