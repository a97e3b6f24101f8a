#include "head/image/boot_ranges.h"

#include <algorithm>
#include <gtest/gtest.h>

#include "head/host/testing/collected_progress.h"
#include "head/host/testing/full_tree.h"
#include "head/image/pack.h"

namespace mangrove::head {
namespace {

namespace fs = std::filesystem;

struct BootRanges : testing::Test {
    Stage work = make_test_directory();
    std::string image;

    void pack_tree(const BootProfile& profile) {
        SilentProgress progress;
        ASSERT_TRUE(pack(work.path / "tree", work.path / "image",
                         {.compression = "none", .block_size = 65536, .profile = profile}, progress));
        image = read_file(work.path / "image").value();
    }
    std::vector<ReadRange> ranges_of(const BootProfile& profile) {
        Result<std::vector<ReadRange>> ranges = boot_ranges(work.path / "image", profile);
        EXPECT_TRUE(ranges) << describe(ranges.error());
        return ranges ? *ranges : std::vector<ReadRange>{};
    }
    /// Whether all of the bytes that the file has there are in the ranges.
    bool covers(const std::vector<ReadRange>& ranges, const char* file, size_t offset, size_t size) {
        std::string contents = read_file(work.path / "tree" / file)->substr(offset, size);
        size_t at = image.find(contents);
        EXPECT_NE(at, std::string::npos) << file;
        return std::ranges::any_of(ranges, [&](const ReadRange& range) {
            return range.offset <= at && at + contents.size() <= range.offset + range.size;
        });
    }
};

TEST_F(BootRanges, HoldTheBlocksAndFragmentsThatTheBootReads) {
    shell(
        work.path,
        "mkdir -p tree/usr; cd tree; head -c 400000 /dev/urandom >usr/long; head -c 300 /dev/urandom >small;"
        "head -c 900000 /dev/urandom >other; ln -s usr/long link; truncate -s 1M sparse");
    BootProfile profile;
    profile.files = {{"/usr/long", {{70000, 10}, {399990, 10}}},
                     {"/small", {{0, 4096}}},
                     {"/not there", {{0, 4096}}},
                     {"/usr", {{0, 4096}}},
                     {"/sparse", {{0, 1 << 20}}}};
    pack_tree(profile);
    std::vector<ReadRange> ranges = ranges_of(profile);
    EXPECT_TRUE(covers(ranges, "usr/long", 65536, 65536));
    EXPECT_TRUE(covers(ranges, "usr/long", 393216, 400000 - 393216)) << "a fragment";
    EXPECT_TRUE(covers(ranges, "small", 0, 300));
    EXPECT_FALSE(covers(ranges, "usr/long", 196608, 65536));
    EXPECT_FALSE(covers(ranges, "other", 0, 65536));
    EXPECT_EQ(ranges.front().offset, 0U);
    uint64_t bytes_used = 0;
    std::copy_n(image.data() + 40, sizeof(bytes_used), reinterpret_cast<char*>(&bytes_used));
    EXPECT_EQ(ranges.back().offset + ranges.back().size, bytes_used) << "the tables";
}

TEST_F(BootRanges, AreFew) {
    shell(work.path, "mkdir tree; cd tree; for n in $(seq 200); do head -c 65536 /dev/urandom >$n; done");
    pack_tree({});
    BootProfile profile;
    for (int number = 1; number <= 200; number += 2)
        profile.files.push_back({text("/", number), {{0, 4096}}});
    std::vector<ReadRange> ranges = ranges_of(profile);
    EXPECT_LE(ranges.size(), 64U);
    EXPECT_TRUE(covers(ranges, "199", 0, 65536));
}

TEST_F(BootRanges, WhatIsNoSquashfsIsRefused) {
    shell(work.path, "head -c 4096 /dev/urandom >image");
    for (const char* name : {"image", "not there"}) {
        Result<std::vector<ReadRange>> ranges = boot_ranges(work.path / name, {});
        ASSERT_FALSE(ranges);
        EXPECT_NE(ranges.error().what.find(name), std::string::npos) << ranges.error().what;
    }
}

} // namespace
} // namespace mangrove::head
