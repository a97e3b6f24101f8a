#include <cerrno>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/mount.h>

#include "mount/mount.h"
#include "system/fake/device_mapper.h"

namespace mangrove {
namespace {

using testing::Contains;
using testing::HasSubstr;

/// A machine with a disk, which can be one that is not to be written to.
struct Machine {
    Machine() {
        system.add_directory("/target");
        system.add_disk("/dev/sda", {"ext4", "root", ""}, {{"etc/marker", "on the disk"}});
        system.refuse_mount = [this](const MountRequest& request) {
            asked.push_back(request);
            return is_write_protected && !(request.flags & MS_RDONLY) ? EACCES : 0;
        };
        wanted.attachment.kind = definition::Local{"", "root", "", "", "", {}};
    }
    Result<> mount() { return mangrove::mount(boot, wanted, "/target", 0, undo); }

    Transcript transcript;
    FakeSystem system{transcript};
    Boot boot{system};
    definition::MountAttach wanted;
    bool is_write_protected = false;
    std::vector<MountRequest> asked;
    Undo undo;
};

TEST(MountAttach, WhatCannotBeWrittenToIsMountedReadOnly) {
    Machine machine;
    machine.is_write_protected = true;
    Result<> mounted = machine.mount();
    ASSERT_TRUE(mounted) << describe(mounted.error());
    EXPECT_EQ(machine.system.file("/target/etc/marker"), "on the disk");
    ASSERT_EQ(machine.asked.size(), 2u);
    EXPECT_EQ(machine.asked[1].flags, MS_RDONLY);
    machine.undo.run();
    EXPECT_TRUE(machine.system.mounts().empty());
}

TEST(MountAttach, OtherRefusalsStand) {
    Machine machine;
    machine.system.refuse_mount = [](const MountRequest&) { return EINVAL; };
    EXPECT_EQ(machine.mount().error().code, EINVAL);
}

TEST(MountAttach, AJournalThatCannotBeReplayedIsNamedWithItsRemedy) {
    Machine machine;
    machine.system.refuse_mount = [](const MountRequest& request) {
        return request.flags & MS_RDONLY ? EROFS : EACCES;
    };
    EXPECT_EQ(machine.mount().error().what,
              "mounting /dev/sda on /target: Read-only file system; its journal must be replayed, but the "
              "device is read-only: mount and unmount the image once where it is writable, or add the "
              "mount option 'noload', which may show inconsistent files");
    machine.system.add_disk("/dev/sda", {"xfs", "root", ""});
    EXPECT_THAT(machine.mount().error().what, HasSubstr("'norecovery'"));
    machine.system.add_disk("/dev/sda", {"squashfs", "root", ""});
    EXPECT_THAT(machine.mount().error().what, testing::EndsWith("Read-only file system"));
}

TEST(MountAttach, TakesTheOptionsOfMount8) {
    Machine machine;
    machine.wanted.mount_options = {"suid", "_netdev",     "x-systemd.device-timeout=5", "nofail", "noatime",
                                    "acl",  "data=journal"};
    ASSERT_TRUE(machine.mount());
    EXPECT_EQ(machine.asked.front().flags, MS_NOATIME);
    EXPECT_EQ(machine.asked.front().options, "acl,data=journal");
}

TEST(MountAttach, ALocalDiskCanAppearLateAndWithTheModuleOfScsiDisks) {
    Machine machine;
    machine.wanted.attachment.kind = definition::Local{"/dev/sdb1", "", "", "", "", {}};
    machine.system.after(seconds(25), [&] { machine.system.add_disk("/dev/sdb1", {"ext4", "", ""}); });
    Result<> mounted = machine.mount();
    ASSERT_TRUE(mounted) << describe(mounted.error());
    EXPECT_THAT(machine.system.loaded_modules(), Contains("sd_mod"));
    Machine without;
    without.wanted.attachment.kind = definition::Local{"", "other", "", "", "", {}};
    EXPECT_THAT(describe(without.mount().error()), HasSubstr("no block device with LABEL=other"));
}

TEST(MountAttach, ANodeThatCannotBeOpenedYetIsWaitedFor) {
    Machine machine;
    machine.system.add_file("/dev/sdb1", ""); // the fake's word for such a node: no device is behind it
    machine.wanted.attachment.kind = definition::Local{"/dev/sdb1", "", "", "", "", {}};
    machine.system.after(milliseconds(5), [&] { machine.system.add_disk("/dev/sdb1", {"ext4", "", ""}); });
    Result<> mounted = machine.mount();
    ASSERT_TRUE(mounted) << describe(mounted.error());
}

TEST(MountAttach, ADeviceThatDoesNotAnswerIsGivenUpAndTakenBack) {
    for (const char* type : {"", "ext4"}) {
        Machine machine;
        machine.system.is_away = [](const std::string& path) { return path.starts_with("/dev/loop"); };
        machine.system.add_image("/a.img", {"ext4", "", ""});
        machine.wanted.attachment.kind.emplace<definition::Loopback>().path = "/a.img";
        machine.wanted.fs_type = type;
        Time begin = machine.system.now();
        Result<> mounted = machine.mount();
        ASSERT_FALSE(mounted);
        EXPECT_TRUE(mounted.error().is_transient());
        EXPECT_THAT(mounted.error().what, HasSubstr("/dev/loop0 does not answer"));
        EXPECT_EQ(machine.system.now() - begin, seconds(60));
        EXPECT_TRUE(machine.asked.empty());
        machine.undo.run();
        EXPECT_TRUE(machine.system.loop_devices().empty());
    }
}

TEST(MountAttach, AMountEndsAtItsLimit) {
    Machine machine;
    machine.system.refuse_mount = [&](const MountRequest&) {
        machine.system.is_away = [](const std::string& path) { return path == "/dev/sda"; };
        return 0;
    };
    Result<> mounted = machine.mount();
    ASSERT_FALSE(mounted);
    EXPECT_TRUE(mounted.error().is_transient());
    EXPECT_THAT(mounted.error().what, HasSubstr("mounting /dev/sda"));
    machine.undo.run();
    EXPECT_TRUE(machine.system.mounts().empty());
}

TEST(MountAttach, AVerifiedDeviceIsWhatIsMounted) {
    Machine machine;
    FakeDeviceMapper mapper(machine.system, machine.transcript);
    machine.system.add_file("/sys/class/block/sda/size", "80\n");
    machine.system.add_file("/sys/class/block/sda/dev", "8:0\n");
    machine.wanted.verity = {
        .root_hash = "ab", .salt = "", .hash_offset = 4096, .data_blocks = 1, .no_superblock = true};
    Result<> mounted = machine.mount();
    ASSERT_TRUE(mounted) << describe(mounted.error());
    EXPECT_EQ(machine.asked.back().source, "/dev/dm-0");
    EXPECT_EQ(machine.boot.timeline.steps.back().name, "covering /dev/sda with dm-verity");
    machine.undo.run();
    EXPECT_TRUE(mapper.devices.empty());
    machine.system.refuse_mount = [&](const MountRequest&) {
        machine.system.add_kernel_message(
            "<3>[    2.0] device-mapper: verity: 8:0: data block 0 is corrupted");
        return EIO;
    };
    EXPECT_THAT(machine.mount().error().what, testing::StartsWith("data block 0 of /dev/sda is corrupted"));
    machine.undo.run();
    EXPECT_TRUE(mapper.devices.empty());
}

TEST(MountAttach, TheReadaheadIsSetOnTheDeviceAndOnTheVerifiedOne) {
    const std::string disk = "/sys/block/sda/queue/read_ahead_kb";
    const std::string verified = "/sys/block/dm-0/queue/read_ahead_kb";
    Machine machine;
    FakeDeviceMapper mapper(machine.system, machine.transcript);
    machine.system.add_file(disk, "128\n");
    ASSERT_TRUE(machine.mount());
    EXPECT_EQ(machine.system.file(disk), "128\n");
    machine.undo.run();
    machine.wanted.readahead = 0;
    ASSERT_TRUE(machine.mount());
    EXPECT_EQ(machine.system.file(disk), "0");
    machine.undo.run();
    machine.system.add_file("/sys/class/block/sda/size", "80\n");
    machine.system.add_file("/sys/class/block/sda/dev", "8:0\n");
    machine.system.add_file(verified, "128\n");
    machine.wanted.verity = {
        .root_hash = "ab", .salt = "", .hash_offset = 4096, .data_blocks = 1, .no_superblock = true};
    ASSERT_TRUE(machine.mount());
    EXPECT_EQ(machine.system.file(verified), "0");
    machine.undo.run();
}

TEST(MountAttach, TablesOfAnotherFileSystemStayWhereTheyAre) {
    Machine machine;
    machine.wanted.tables = definition::Tables::memory;
    ASSERT_TRUE(machine.mount());
    EXPECT_EQ(machine.asked.back().source, "/dev/sda");
    EXPECT_EQ(machine.boot.timeline.steps.back().name, "reading the tables of the squashfs on /dev/sda");
}

TEST(MountAttach, APartitionHasTheReadaheadOfItsDisk) {
    Machine machine;
    machine.system.add_disk("/dev/sdb1", {"ext4", "", ""});
    machine.system.add_file("/sys/class/block/sdb1/partition", "1\n");
    machine.system.add_link("/sys/class/block/sdb1", "../../devices/virtual/block/sdb/sdb1");
    machine.system.add_file("/sys/block/sdb/queue/read_ahead_kb", "128\n");
    machine.wanted.attachment.kind = definition::Local{"/dev/sdb1", "", "", "", "", {}};
    machine.wanted.readahead = 4;
    ASSERT_TRUE(machine.mount());
    EXPECT_EQ(machine.system.file("/sys/block/sdb/queue/read_ahead_kb"), "4");
}

TEST(MountAttach, AReadaheadThatCannotBeSetEndsNoBoot) {
    Machine machine;
    machine.wanted.readahead = 64;
    EXPECT_TRUE(machine.mount());
}

TEST(MountAttach, AnUnmountThatWaitsForEverHoldsNobodyUp) {
    Machine machine;
    ASSERT_TRUE(machine.mount());
    machine.system.is_away = [](const std::string& path) { return path == "/target"; };
    Time begin = machine.system.now();
    machine.undo.run();
    EXPECT_EQ(machine.system.now() - begin, seconds(15));
}

} // namespace
} // namespace mangrove
