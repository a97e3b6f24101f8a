#include <fstream>
#include <gtest/gtest.h>
#include <iterator>

#include "verity/corruption.h"
#include "verity/hash_tree.h"
#include "verity/superblock.h"
#include "verity/table.h"

namespace mangrove::verity {
namespace {

/// A superblock that veritysetup 2.6 wrote.
Bytes sample(const std::string& name) {
    std::ifstream file(std::string(SOURCE_DIRECTORY) + "/src/verity/corpus/verity_superblock_fuzz/" + name,
                       std::ios::binary);
    return Bytes(std::istreambuf_iterator<char>(file), {});
}

std::string problem_with(const Bytes& bytes) {
    Result<Superblock> superblock = parse(bytes);
    return superblock ? "" : superblock.error().what;
}

TEST(Superblock, IsThatOfVeritysetup) {
    Result<Superblock> superblock = parse(sample("veritysetup"));
    ASSERT_TRUE(superblock) << describe(superblock.error());
    EXPECT_EQ(superblock->data_blocks, 300u);
    EXPECT_EQ(hex(superblock->salt), "00112233445566778899aabbccddeeff");
    EXPECT_EQ(hex(superblock->uuid), "123456789abcdef0123456789abcdef0");
    Bytes written = encode(*superblock);
    EXPECT_EQ(written.size(), kBlock);
    written.resize(512);
    EXPECT_EQ(written, sample("veritysetup"));
}

TEST(Superblock, OfAnotherKindIsRefusedWithItsRemedy) {
    for (const Bytes& other : {Bytes(), Bytes(kBlock)})
        EXPECT_EQ(problem_with(other), "there is no verity superblock; build the image with a hash tree and "
                                       "publish it whole, or correct 'hash_offset'");
    EXPECT_EQ(problem_with(sample("sha512")),
              "the hash tree is made with 'sha512'; make it with veritysetup format --hash=sha256");
    EXPECT_EQ(problem_with(sample("type0")),
              "the hash tree is of type 0; make it with veritysetup format --format=1");
    EXPECT_EQ(problem_with(sample("blocks1024")),
              "the data blocks have 1024 bytes; make the hash tree with veritysetup format "
              "--data-block-size=4096 --hash-block-size=4096");
    Bytes bytes = sample("veritysetup");
    bytes[69] = 4; // 1024
    EXPECT_EQ(problem_with(bytes),
              "the hash blocks have 1024 bytes; make the hash tree with veritysetup format "
              "--data-block-size=4096 --hash-block-size=4096");
    bytes = sample("veritysetup");
    bytes[8] = 2;
    EXPECT_EQ(problem_with(bytes), "the verity superblock has version 2; only version 1 is known");
    bytes = sample("veritysetup");
    bytes[81] = 2; // 528 bytes of salt
    EXPECT_EQ(problem_with(bytes), "the verity superblock is damaged: its salt has 528 bytes");
    bytes = sample("veritysetup");
    bytes[79] = 1;
    EXPECT_EQ(problem_with(bytes), "the verity superblock is damaged: it covers 72057594037928236 blocks");
}

TEST(HashTree, HasTheUppermostLevelFirst) {
    using Levels = std::vector<Level>;
    EXPECT_EQ(levels_of(1), Levels{});
    EXPECT_EQ(levels_of(2), (Levels{{0, 1}}));
    EXPECT_EQ(levels_of(128), (Levels{{0, 1}}));
    EXPECT_EQ(levels_of(129), (Levels{{1, 2}, {0, 1}}));
    EXPECT_EQ(levels_of(128 * 128 + 1), (Levels{{3, 129}, {1, 2}, {0, 1}}));
    EXPECT_EQ(tree_blocks(1), 0u);
    EXPECT_EQ(tree_blocks(300), 4u);
}

TEST(HashTree, TellsTheDataFromTheSizeOfAnImage) {
    for (uint64_t data : {uint64_t{1}, uint64_t{128}, uint64_t{129}, uint64_t{300}, uint64_t{1} << 20,
                          kMostBlocks / 2, kMostBlocks}) {
        uint64_t image = data + 1 + tree_blocks(data);
        EXPECT_EQ(data_blocks_in(image), data);
    }
    EXPECT_EQ(data_blocks_in(0), std::nullopt);
    EXPECT_EQ(data_blocks_in(1), std::nullopt);
    EXPECT_EQ(data_blocks_in(128 + 1 + 2), std::nullopt) << "one block more needs two more";
}

TEST(Table, HasTheWordsOfTheKernel) {
    Target target = {.data_device = "/dev/sda",
                     .hash_device = "/dev/sdb",
                     .data_blocks = 300,
                     .tree_block = 1,
                     .root_hash = "0123",
                     .salt = "aa"};
    EXPECT_EQ(parameters_of(target), "1 /dev/sda /dev/sdb 4096 4096 300 1 sha256 0123 aa");
    target.salt.clear();
    target.restarts = true;
    EXPECT_EQ(parameters_of(target),
              "1 /dev/sda /dev/sdb 4096 4096 300 1 sha256 0123 - 1 restart_on_corruption");
}

TEST(Corruption, IsFoundInTheKernelsLog) {
    constexpr std::string_view kLog =
        "<6>[    1.000000] device-mapper: verity: sha256 using implementation \"sha256-ni\"\n"
        "<3>[    2.000000] device-mapper: verity: 8:0: data block 123 is corrupted\n"
        "<3>[    3.000000] device-mapper: verity: 8:16: metadata block 301 is corrupted\n"
        "<3>[    3.500000] device-mapper: verity: 8:0: reached maximum errors\n"
        "<11>[    4.000000] device-mapper: verity: 8:0: data block 5 is corrupted\n"
        "<3>[    5.000000] device-mapper: verity: 8:0: data block many is corrupted\n";
    EXPECT_EQ(last_corruption(kLog, "8:0"), (Corruption{false, 123}));
    EXPECT_EQ(last_corruption(kLog, "8:16"), (Corruption{true, 301}));
    EXPECT_EQ(last_corruption(kLog, "8:1"), std::nullopt);
    EXPECT_EQ(to_text({true, 301}, "/dev/sdb"),
              "hash block 301 of /dev/sdb is corrupted: it does not fit the root hash");
}

} // namespace
} // namespace mangrove::verity
