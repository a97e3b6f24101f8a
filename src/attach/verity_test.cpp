#include "attach/verity.h"

#include <cerrno>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "attach/attach.h"
#include "attach/mapped_device.h"
#include "system/fake/device_mapper.h"
#include "verity/hash_tree.h"
#include "verity/superblock.h"

namespace mangrove {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr uint64_t kDataBlocks = 130;
constexpr uint64_t kImageBlocks = kDataBlocks + 1 + 3;
constexpr uint64_t kOffset = kDataBlocks * verity::kBlock;

verity::Superblock superblock_of_image() {
    return {.data_blocks = kDataBlocks, .salt = {0xaa, 0xbb}};
}

/// A machine with an image of 130 blocks and its hash tree on a disk.
struct Machine {
    Machine() {
        wanted.root_hash = std::string(64, 'a');
        put("/dev/sda", kOffset, superblock_of_image());
        system.add_file("/sys/class/block/sda/dev", "8:0\n");
        system.add_file("/sys/class/block/sdb/dev", "8:16\n");
    }
    void put(const std::string& disk, uint64_t offset, const verity::Superblock& superblock) {
        if (system.path_kind(disk) == PathKind::missing) system.add_disk(disk, {"squashfs", "", ""});
        Bytes block = verity::encode(superblock);
        std::string bytes(offset, '\0');
        bytes.append(block.begin(), block.end());
        system.set_bytes(disk, bytes);
        set_blocks(disk, kImageBlocks);
    }
    void set_blocks(const std::string& disk, uint64_t blocks) {
        system.add_file(text("/sys/class/block/", disk.substr(5), "/size"), text(blocks * 8, "\n"));
    }
    Result<Verified> verify() { return mangrove::verify(boot, wanted, "/dev/sda", undo); }
    std::string problem() {
        Result<Verified> verified = verify();
        return verified ? "" : verified.error().what;
    }
    std::string parameters() {
        return mapper.devices.empty() ? "" : mapper.devices.begin()->second.targets.at(0).parameters;
    }

    Transcript transcript;
    FakeSystem system{transcript};
    FakeDeviceMapper mapper{system, transcript};
    Boot boot{system};
    definition::Verity wanted;
    Undo undo;
};

TEST(Verity, NeedsTheRootHashAlone) {
    Machine machine;
    Result<Verified> verified = machine.verify();
    ASSERT_TRUE(verified) << describe(verified.error());
    EXPECT_EQ(verified->device, "/dev/dm-0");
    EXPECT_EQ(machine.parameters(), "1 8:0 8:0 4096 4096 130 131 sha256 " + std::string(64, 'a') + " aabb");
    const MappedDeviceRequest& made = machine.mapper.devices.at("mangrove0");
    EXPECT_EQ(made.targets.at(0).sectors, kDataBlocks * 8);
    EXPECT_EQ(made.uuid, "CRYPT-VERITY-00000000000000000000000000000000-mangrove0");
    EXPECT_THAT(machine.system.loaded_modules(), testing::IsSupersetOf({"dm-verity", "crypto-sha256"}));
    EXPECT_EQ(machine.system.probe_filesystem("/dev/dm-0")->type, "squashfs");
    ASSERT_EQ(machine.boot.timeline.verified.size(), 1u);
    EXPECT_EQ(machine.boot.timeline.verified[0].data, "/dev/sda");
    machine.undo.run();
    EXPECT_TRUE(machine.mapper.devices.empty());
    EXPECT_THAT(machine.boot.timeline.verified, IsEmpty());
}

TEST(Verity, RestartsTheMachineWhereTheDefinitionSaysSo) {
    Machine machine;
    machine.wanted.on_corruption = definition::OnCorruption::restart;
    ASSERT_TRUE(machine.verify());
    EXPECT_THAT(machine.parameters(), testing::EndsWith(" aabb 1 restart_on_corruption"));
}

TEST(Verity, TakesALargerDeviceWhoseTreeHasAPlace) {
    Machine machine;
    machine.set_blocks("/dev/sda", 261);
    EXPECT_EQ(
        machine.problem(),
        "/dev/sda: no image with a hash tree has 1069056 bytes; is it truncated, or was it built without "
        "verity? Where the device is larger than the image, set 'hash_offset'");
    machine.wanted.hash_offset = kOffset;
    EXPECT_EQ(machine.problem(), "");
}

TEST(Verity, TakesATreeOnAnotherDevice) {
    Machine machine;
    machine.put("/dev/sdb", 0, superblock_of_image());
    machine.wanted.hash_device = std::make_shared<const definition::Attachment>(
        definition::Attachment{definition::Local{"/dev/sdb", "", "", "", "", {}}, "", false});
    EXPECT_EQ(machine.problem(), "");
    EXPECT_THAT(machine.parameters(), HasSubstr("1 8:0 8:16 4096 4096 130 1 sha256 "));
}

TEST(Verity, NeedsNoSuperblockWhereTheDefinitionHasItAll) {
    Machine machine;
    machine.system.set_bytes("/dev/sda", "");
    machine.wanted.no_superblock = true;
    machine.wanted.data_blocks = kDataBlocks;
    machine.wanted.hash_offset = kOffset;
    machine.wanted.salt = "";
    EXPECT_EQ(machine.problem(), "");
    EXPECT_THAT(machine.parameters(), testing::StartsWith("1 8:0 8:0 4096 4096 130 130 sha256 "));
    EXPECT_THAT(machine.parameters(), testing::EndsWith(" -"));
}

TEST(Verity, OfAnotherImageIsRefused) {
    Machine machine;
    machine.wanted.salt = "aacc";
    EXPECT_EQ(machine.problem(),
              "/dev/sda, byte 532480: the hash tree has the salt 'aabb', and the definition another one; it "
              "belongs to another image, or leave out 'salt'");
    machine.wanted.salt.reset();
    machine.wanted.data_blocks = 129;
    EXPECT_EQ(machine.problem(),
              "/dev/sda, byte 532480: the hash tree covers 130 blocks, and the definition has "
              "'data_blocks' 129; it belongs to another image");
    machine.wanted.data_blocks.reset();
    verity::Superblock other = superblock_of_image();
    other.data_blocks = 131;
    machine.wanted.hash_offset = kOffset;
    machine.put("/dev/sda", kOffset, other);
    EXPECT_EQ(machine.problem(),
              "/dev/sda: the hash tree at byte 532480 is within the data that it covers, which has 536576 "
              "bytes; correct 'hash_offset'");
    other.data_blocks = 1000;
    machine.put("/dev/sda", kOffset, other);
    EXPECT_THAT(machine.problem(), HasSubstr("the image is truncated, or the tree belongs to another one"));
}

TEST(Verity, OfADeviceThatIsTooShortIsRefused) {
    Machine machine;
    machine.set_blocks("/dev/sda", kImageBlocks - 1);
    EXPECT_THAT(machine.problem(), HasSubstr("no verity superblock; build the image with a hash tree"))
        << "as if the image had one block less";
    machine.wanted.hash_offset = kOffset;
    EXPECT_EQ(machine.problem(),
              "/dev/sda has 544768 bytes, and the image with its hash tree 548864: the image "
              "is truncated, or the tree belongs to another one; publish the image again");
    EXPECT_TRUE(machine.mapper.devices.empty());
}

TEST(Verity, WithoutAModuleIsRefused) {
    Machine machine;
    machine.system.add_missing_module("dm-verity");
    EXPECT_THAT(describe(machine.verify().error()), HasSubstr("'verity' needs a kernel with dm-verity"));
}

TEST(Verity, RefusedByTheKernelIsExplainedByItsLog) {
    Machine machine;
    machine.mapper.refuse = [&](const MappedDeviceRequest&) {
        machine.system.add_kernel_message(
            "<3>[    2.0] device-mapper: table: 254:0: verity: Cannot initialize hash function");
        return EINVAL;
    };
    EXPECT_EQ(machine.problem(),
              "making the verity device mangrove0: Invalid argument (device-mapper: table: "
              "254:0: verity: Cannot initialize hash function)");
}

TEST(Verity, OfADeviceThatDoesNotAnswerIsGivenUp) {
    struct Away : Machine {
        Away() {
            system.is_away = [](const std::string& path) { return path == "/dev/sda"; };
        }
    } machine;
    Result<Verified> verified = machine.verify();
    ASSERT_FALSE(verified);
    EXPECT_TRUE(verified.error().is_transient());
    EXPECT_THAT(verified.error().what, HasSubstr("/dev/sda does not answer"));
}

TEST(Verity, TakesTheNextNameThatIsFree) {
    Machine machine;
    ASSERT_TRUE(machine.verify());
    Result<Verified> second = machine.verify();
    ASSERT_TRUE(second);
    EXPECT_EQ(second->device, "/dev/dm-1");
}

TEST(Verity, IsRemovedWhenUdevHasClosedIt) {
    Machine machine;
    ASSERT_TRUE(machine.verify());
    machine.mapper.opened = 3;
    machine.undo.run();
    EXPECT_TRUE(machine.mapper.devices.empty());
}

TEST(Verity, IsReleasedBeforeWhatItIsOn) {
    Machine machine;
    ASSERT_TRUE(machine.verify());
    machine.undo.keep();
    machine.system.add_file("/sys/block/dm-7/dm/name", "vg-home\n");
    machine.system.add_image("/a.img", {"ext4", "", ""});
    ASSERT_TRUE(machine.system.attach_loop({.file = "/a.img"}));
    machine.system.add_directory("/sys/block/loop0/loop");
    release_all(machine.system);
    EXPECT_TRUE(machine.mapper.devices.empty());
    const std::vector<std::string>& lines = machine.transcript.lines();
    auto removed = std::ranges::find(lines, "removing the mapped device mangrove0");
    EXPECT_LT(removed, std::ranges::find(lines, "detaching /dev/loop0"));
    EXPECT_THAT(lines, testing::Not(Contains("removing the mapped device vg-home")));
}

TEST(Verity, CorruptionIsNamedInTheError) {
    Machine machine;
    Result<Verified> verified = machine.verify();
    ASSERT_TRUE(verified);
    Result<> failed = system_error(EIO, "mounting /dev/dm-0");
    EXPECT_EQ(explain_corruption(machine.system, *verified, failed).error().what,
              "mounting /dev/dm-0: Input/output error");
    machine.system.add_kernel_message("<3>[    2.0] device-mapper: verity: 8:0: data block 7 is corrupted");
    EXPECT_TRUE(explain_corruption(machine.system, *verified, {}));
    Error error = explain_corruption(machine.system, *verified, failed).error();
    EXPECT_EQ(error.what,
              "data block 7 of /dev/sda is corrupted: it does not fit the root hash; the image was "
              "changed on its server: publish it again");
    EXPECT_THAT(error.while_doing, ElementsAre("mounting /dev/dm-0: Input/output error"));
    EXPECT_FALSE(error.is_transient());
    machine.system.add_kernel_message(
        "<3>[    3.0] device-mapper: verity: 8:0: metadata block 131 is corrupted");
    EXPECT_EQ(
        explain_corruption(machine.system, *verified, failed).error().what,
        "/dev/sda: the image does not have the root hash of the definition; publish the image again, or "
        "correct 'root_hash'");
}

TEST(Verity, CorruptionOfAnEarlierAttemptIsNoneOfThisOne) {
    Machine machine;
    machine.system.add_kernel_message("<3>[    2.0] device-mapper: verity: 8:0: data block 7 is corrupted");
    Result<Verified> verified = machine.verify();
    ASSERT_TRUE(verified);
    Result<> failed = system_error(EINVAL, "mounting /dev/dm-0");
    EXPECT_EQ(explain_corruption(machine.system, *verified, failed).error().code, EINVAL);
}

/// Every step can fail, and nothing stays behind.
TEST(Verity, WhatFailsHalfWayIsTakenBack) {
    size_t steps = 0;
    for (size_t step = 0; step <= steps; ++step) {
        Machine machine;
        if (step > 0) machine.transcript.fail_at(step - 1);
        Result<Verified> verified = machine.verify();
        EXPECT_EQ(verified.has_value(), machine.boot.timeline.verified.size() == 1);
        if (step == 0) steps = machine.transcript.lines().size();
        machine.undo.run();
        EXPECT_TRUE(machine.mapper.devices.empty());
        EXPECT_THAT(machine.boot.timeline.verified, IsEmpty());
    }
}

TEST(Verity, IsReleasedByItsDeviceWithTheDisksThatItIsOn) {
    Machine machine;
    ASSERT_TRUE(machine.verify());
    machine.undo.keep();
    machine.system.add_file("/sys/block/dm-0/dm/name", "mangrove0\n");
    machine.system.add_directory("/sys/block/dm-0/slaves/sda");
    machine.system.add_file("/sys/block/dm-1/dm/name", "vg-home\n");
    ASSERT_TRUE(release_device(machine.system, "/dev/dm-1"));
    EXPECT_THAT(machine.mapper.devices, testing::SizeIs(1)) << "another's";
    EXPECT_THAT(release_mapped(machine.system, "/dev/dm-0").value(), ElementsAre("/dev/sda"));
    EXPECT_THAT(machine.mapper.devices, IsEmpty());
}

} // namespace
} // namespace mangrove
