#include "attach/squashfs_tables.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "attach/attach.h"
#include "system/fake/device_mapper.h"

namespace mangrove {
namespace {

using testing::Contains;
using testing::HasSubstr;
using testing::IsEmpty;

std::string little_endian(uint64_t number, size_t size) {
    std::string bytes;
    for (; bytes.size() < size; number >>= 8)
        bytes += static_cast<char>(number & 0xff);
    return bytes;
}

std::string superblock(uint64_t inodes, uint64_t used, uint64_t major = 4) {
    std::string bytes = "hsqs" + std::string(92, '\0');
    bytes.replace(28, 2, little_endian(major, 2));
    bytes.replace(40, 8, little_endian(used, 8));
    bytes.replace(64, 8, little_endian(inodes, 8));
    return bytes;
}

TEST(SquashfsTables, AreBehindTheData) {
    std::optional<SquashfsTables> tables = squashfs_tables_in(superblock(50'000, 60'001));
    ASSERT_TRUE(tables);
    EXPECT_EQ(tables->begin, 49'152U);
    EXPECT_EQ(tables->end, 61'440U);
}

TEST(SquashfsTables, AreNotInOtherBytes) {
    for (const std::string& bytes :
         {std::string(), std::string(96, '\0'), superblock(50'000, 60'000).substr(0, 95),
          superblock(50'000, 60'000, 3), superblock(95, 60'000), superblock(60'000, 60'000),
          superblock(60'001, 60'000), superblock(5'000, 5'001 + (16 << 20)), superblock(100, ~uint64_t{0}),
          superblock(~uint64_t{0}, ~uint64_t{0}), superblock(~uint64_t{0} - 5'000, ~uint64_t{0})})
        EXPECT_FALSE(squashfs_tables_in(bytes));
}

/// A squashfs of 16 pages, whose last two have the tables.
struct Machine {
    Machine() {
        system.add_disk("/dev/sda", {"squashfs", "", ""});
        std::string bytes = superblock(14 * 4096 + 7, 16 * 4096);
        bytes.resize(16 * 4096, 'd');
        bytes.replace(14 * 4096, 2 * 4096, std::string(2 * 4096, 't'));
        system.set_bytes("/dev/sda", bytes);
        system.add_file("/sys/class/block/sda/size", "128\n");
        system.add_file("/sys/class/block/sda/dev", "8:0\n");
        system.add_file("/sys/class/block/loop0/dev", "7:0\n");
    }
    Result<std::string> hold() { return hold_squashfs_tables(boot, "/dev/sda", undo); }
    bool is_clean() {
        undo.run();
        return mapper.devices.empty() && system.loop_devices().empty() && system.mounts().empty();
    }

    Transcript transcript;
    FakeSystem system{transcript};
    FakeDeviceMapper mapper{system, transcript};
    Boot boot{system};
    Undo undo;
};

TEST(SquashfsTables, AreHeldInMemoryBehindTheDataOfTheDevice) {
    Machine machine;
    Result<std::string> device = machine.hold();
    ASSERT_TRUE(device) << describe(device.error());
    EXPECT_EQ(*device, "/dev/dm-0");
    EXPECT_EQ(machine.system.file("/run/mangrove/layers/tables0/tables"), std::string(2 * 4096, 't'));
    const std::vector<MappedTarget>& targets = machine.mapper.devices.at("mangrove0").targets;
    ASSERT_EQ(targets.size(), 2U);
    EXPECT_EQ(targets[0].parameters, "8:0 0");
    EXPECT_EQ(targets[0].sectors, 14U * 8);
    EXPECT_EQ(targets[1].parameters, "7:0 0");
    EXPECT_EQ(targets[1].sectors, 2U * 8);
    EXPECT_TRUE(machine.is_clean());
}

TEST(SquashfsTables, StayOnTheDeviceOfAKernelThatCannotMap) {
    Machine machine;
    machine.system.add_missing_module("dm-mod");
    EXPECT_EQ(machine.hold().value_or(""), "/dev/sda");
    EXPECT_TRUE(machine.is_clean());
}

TEST(SquashfsTables, AnImageThatIsTruncatedIsLeftToTheKernel) {
    Machine machine;
    machine.system.add_file("/sys/class/block/sda/size", "120\n");
    EXPECT_EQ(machine.hold().value_or(""), "/dev/sda");
    EXPECT_THAT(machine.mapper.devices, IsEmpty());
}

TEST(SquashfsTables, AreReleasedWithWhatTheyAreOn) {
    Machine machine;
    ASSERT_TRUE(machine.hold());
    machine.undo.keep();
    machine.system.add_directory("/sys/block/dm-0/slaves/sda");
    machine.system.add_directory("/sys/block/dm-0/slaves/loop0");
    machine.system.add_directory("/sys/block/loop0/loop");
    ASSERT_TRUE(release_device(machine.system, "/dev/dm-0"));
    EXPECT_THAT(machine.mapper.devices, IsEmpty());
    EXPECT_THAT(machine.system.loop_devices(), IsEmpty());
}

/// Every step can fail, and nothing stays behind.
TEST(SquashfsTables, WhatFailsHalfWayIsTakenBack) {
    size_t steps = 0;
    for (size_t step = 0; step <= steps; ++step) {
        Machine machine;
        if (step > 0) machine.transcript.fail_at(step - 1);
        std::string device = machine.hold().value_or("");
        if (step == 0) steps = machine.transcript.lines().size();
        // No boot fails for want of a loop device, or of memory; the first steps ask the device.
        if (device != "/dev/dm-0") EXPECT_TRUE(machine.mapper.devices.empty()) << step;
        if (step > 3) EXPECT_NE(device, "") << step;
        EXPECT_TRUE(machine.is_clean()) << step;
    }
}

} // namespace
} // namespace mangrove
