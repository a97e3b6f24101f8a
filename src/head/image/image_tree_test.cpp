#include "head/image/image_tree.h"

#include <fstream>
#include <gtest/gtest.h>

#include "head/host/files.h"
#include "head/host/program.h"
#include "head/host/testing/collected_progress.h"
#include "head/host/testing/full_tree.h"

namespace mangrove::head {

namespace {

namespace fs = std::filesystem;

struct ImageTreeTest : testing::Test {
    Stage work = make_test_directory();
    CollectedProgress progress;

    /// Makes a file in which no two blocks are the same.
    fs::path image_of(const std::string& name, uint64_t bytes) {
        std::ofstream file(work.path / name, std::ios::binary);
        for (uint64_t word = 0; word < bytes / 8; ++word)
            file.write(reinterpret_cast<const char*>(&word), sizeof word);
        file << std::string(bytes % 8, 'x');
        return work.path / name;
    }
    ImageTree append(const fs::path& image, const std::string& seed = "debian") {
        Result<ImageTree> tree = append_tree(image, seed, progress);
        EXPECT_TRUE(tree) << describe(tree.error());
        return tree.value_or(ImageTree{});
    }
    /// By Debian's veritysetup; empty when it is right.
    std::string problem_with(const fs::path& image, const ImageTree& tree) {
        Result<std::string> verified = run_program(
            {{"veritysetup", "verify", image, image, tree.root_hash, text("--hash-offset=", tree.offset)},
             "cryptsetup-bin"});
        return verified ? "" : verified.error().what;
    }
};

TEST_F(ImageTreeTest, is_that_of_veritysetup) {
    for (uint64_t blocks : {1U, 2U, 128U, 129U, 300U, 128U * 128U + 1U}) {
        fs::path image = image_of("image", blocks * 4096);
        ImageTree tree = append(image);
        EXPECT_EQ(tree.offset, blocks * 4096);
        EXPECT_EQ(problem_with(image, tree), "") << blocks;
        ImageTree other = tree;
        other.root_hash[0] = other.root_hash[0] == '0' ? '1' : '0';
        EXPECT_NE(problem_with(image, other), "");
    }
}

TEST_F(ImageTreeTest, has_the_bytes_that_veritysetup_writes) {
    fs::path image = image_of("image", 300 * 4096);
    ImageTree tree = append(image);
    shell(work.path, R"(
        head -c 1228800 image >data; cp data theirs
        salt=$(veritysetup dump image --hash-offset=1228800 | sed -n 's/^Salt: *\t*//p')
        uuid=$(veritysetup dump image --hash-offset=1228800 | sed -n 's/^UUID: *\t*//p')
        veritysetup format theirs theirs --hash-offset=1228800 --data-blocks=300 --salt=$salt --uuid=$uuid >said
        cmp image theirs; grep -q )"
                         + tree.root_hash + " said");
}

TEST_F(ImageTreeTest, finds_each_change_of_a_byte) {
    fs::path image = image_of("image", 300 * 4096);
    ImageTree tree = append(image);
    for (uint64_t place :
         {uint64_t{0}, uint64_t{299 * 4096 + 4095}, tree.offset + 4096, tree.offset + 3 * 4096}) {
        std::fstream file(image, std::ios::in | std::ios::out | std::ios::binary);
        char before = static_cast<char>(file.seekg(static_cast<std::streamoff>(place)).get());
        file.seekp(static_cast<std::streamoff>(place)).put(static_cast<char>(before ^ 1)).flush();
        EXPECT_NE(problem_with(image, tree), "") << place;
        file.seekp(static_cast<std::streamoff>(place)).put(before).flush();
    }
    EXPECT_EQ(problem_with(image, tree), "");
}

TEST_F(ImageTreeTest, is_the_same_for_the_same_bytes_and_small) {
    fs::path one = image_of("one", 10'000'001), other = image_of("other", 10'000'001);
    uint64_t size = fs::file_size(one);
    ImageTree tree = append(one);
    EXPECT_EQ(tree.offset, 10'002'432u) << "filled up to whole blocks";
    EXPECT_EQ(append(other).root_hash, tree.root_hash);
    EXPECT_EQ(digest_of_file(one).value(), digest_of_file(other).value());
    EXPECT_LE(fs::file_size(one) - size, size * 15 / 1000);
    EXPECT_NE(append(image_of("third", 10'000'001), "trixie").root_hash, tree.root_hash);
}

} // namespace

} // namespace mangrove::head
