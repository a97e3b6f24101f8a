#include "lazy/disk_format.h"

#include <gtest/gtest.h>

namespace mangrove::lazy {
namespace {

DiskIdentity identity() {
    DiskIdentity identity = {.size = 1000000, .beginning = {7}};
    identity.versions[0] = {.url = {1}, .version = {2}};
    return identity;
}

TEST(DiskFormat, AHeaderIsReadAsItWasWritten) {
    DiskHeader header = {.salt = {1, 2}, .places = 62, .identity = identity()};
    auto block = encode(header);
    EXPECT_TRUE(is_cache(block));
    std::optional<DiskHeader> read = decode(block);
    ASSERT_TRUE(read);
    EXPECT_EQ(read->salt, header.salt);
    EXPECT_EQ(read->places, 62U);
    EXPECT_EQ(read->identity.size, 1000000U);
    EXPECT_TRUE(read->identity.is_same(identity()));
    EXPECT_EQ(read->identity.versions, identity().versions);
}

TEST(DiskFormat, AChangedHeaderIsNone) {
    for (size_t at : {16U, 20U, 30U, 100U, 4095U}) {
        auto block = encode({.places = 62, .identity = identity()});
        block[at] ^= 1;
        EXPECT_FALSE(decode(block)) << at;
        EXPECT_TRUE(is_cache(block)) << at;
    }
    EXPECT_FALSE(is_cache(Bytes(kDiskBlock)));
    EXPECT_FALSE(decode(Bytes(100)));
}

TEST(DiskFormat, TellsAFileFromALaterOne) {
    DiskIdentity other = identity();
    other.size += 1;
    EXPECT_FALSE(identity().is_same(other));
    other = identity();
    other.beginning = {8};
    EXPECT_FALSE(identity().is_same(other));
    other = identity();
    other.versions[0].version = {3};
    EXPECT_FALSE(identity().is_same(other));
    other.versions[0].url = {9};
    EXPECT_TRUE(identity().is_same(other)) << "a mirror that nothing is known of";
    other.content = {5};
    EXPECT_FALSE(identity().is_same(other));
    DiskIdentity vouched = identity();
    vouched.content = {5};
    vouched.versions[0].version = {4};
    EXPECT_TRUE(vouched.is_same(other));
}

TEST(DiskFormat, LearnsOfFurtherMirrors) {
    DiskIdentity known = identity();
    DiskIdentity other = identity();
    other.versions[0] = {.url = {3}, .version = {4}};
    known.learn(other);
    EXPECT_EQ(known.versions[1], other.versions[0]);
    known.learn(other);
    EXPECT_EQ(known.versions[2], DiskVersion());
}

TEST(DiskFormat, ADigestIsOfAPieceInOnePlaceOfOneFile) {
    Bytes contents(kPieceSize, 1);
    DiskEntry entry = entry_of({1}, 5, contents);
    EXPECT_EQ(entry.piece, 6U);
    EXPECT_EQ(entry_of({1}, 5, contents).digest, entry.digest);
    EXPECT_NE(entry_of({1}, 6, contents).digest, entry.digest);
    EXPECT_NE(entry_of({2}, 5, contents).digest, entry.digest);
    contents.back() ^= 1;
    EXPECT_NE(entry_of({1}, 5, contents).digest, entry.digest);
}

TEST(DiskFormat, FillsTheDiskAndNoMore) {
    EXPECT_EQ(DiskLayout::of(100 << 20, 50).places, 50U);
    EXPECT_EQ(DiskLayout::of(4096, 50).places, 0U);
    for (uint64_t size : {uint64_t{32} << 10, uint64_t{10} << 20, uint64_t{1} << 30}) {
        DiskLayout layout = DiskLayout::of(size, UINT32_MAX);
        EXPECT_LE(layout.place_at(layout.places), size);
        EXPECT_GT(layout.place_at(layout.places + 2), size);
        EXPECT_GE(layout.place_at(0), DiskLayout::block_at(layout.blocks()));
    }
}

} // namespace
} // namespace mangrove::lazy
