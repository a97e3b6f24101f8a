#include "head/image/pack.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "head/host/testing/collected_progress.h"
#include "head/host/testing/full_tree.h"
#include "head/image/contents.h"

namespace mangrove::head {

namespace {

namespace fs = std::filesystem;

constexpr time_t kTime = 1709618828; // 2024-03-05 06:07:08 UTC

struct PackTest : testing::TestWithParam<std::string> {
    Stage work = make_test_directory();
    CollectedProgress progress;

    void SetUp() override {
        if (::geteuid() != 0) GTEST_SKIP() << "device nodes and mounts need root";
        fs::create_directory(tree());
        fill_tree(tree());
    }
    fs::path tree() { return work.path / "tree"; }

    fs::path pack_as(const std::string& name, const Packing& packing, const fs::path& from) {
        Result<> packed = pack(from, work.path / name, packing, progress);
        EXPECT_TRUE(packed) << describe(packed.error());
        return work.path / name;
    }
    Packing packing() { return {.format = GetParam(), .seed = "test"}; }

    /// Reads an image through the kernel's file system.
    Contents mounted(const fs::path& image, const std::function<void(const fs::path&)>& look = {}) {
        fs::path mountpoint = work.path / "mounted";
        fs::create_directory(mountpoint);
        shell(work.path, "mount -o loop,ro " + image.native() + " mounted");
        Result<Contents> contents = read_contents(mountpoint);
        if (look) look(mountpoint);
        shell(work.path, "umount mounted");
        EXPECT_TRUE(contents) << describe(contents.error());
        contents->erase("./lost+found");
        return *contents;
    }
};

std::string all(const std::vector<std::string>& lines) {
    return join(lines, "\n");
}

TEST_P(PackTest, everything_survives) {
    fs::path image = pack_as("image", packing(), tree());
    Contents expected = read_contents(tree()).value();
    ASSERT_EQ(expected.at("./usr/lib/one-elsewhere").same_as, "./etc/one");
    ASSERT_TRUE(expected.at("./usr/bin/ping").attributes.contains("security.capability"));
    Contents found = mounted(image, [](const fs::path& root) {
        struct stat status = {};
        for (const char* name : {"", "etc", "etc/one", "usr/lib/link", "dev/null"}) {
            ::lstat((root / name).c_str(), &status);
            EXPECT_EQ(status.st_mtime, kTime) << name;
        }
    });
    EXPECT_EQ(all(differences(expected, found)), "");
    EXPECT_LT(fs::file_size(image), 12U << 20) << "the holes were filled";
}

TEST_P(PackTest, a_copy_gives_the_same_bytes) {
    fs::path first = pack_as("first", packing(), tree());
    // In the other order, at another time, with other inode numbers.
    shell(work.path,
          "mkdir copy; cd tree; find . -depth | tac >../names; cd ..; cp -a tree/. copy; sleep 1.1");
    shell(work.path, "rm -rf copy/etc; cp -a tree/etc copy/; rm copy/usr/lib/one-elsewhere; ln copy/etc/one "
                     "copy/usr/lib/one-elsewhere; touch -r tree copy; touch -r tree/usr/lib copy/usr/lib");
    ASSERT_EQ(all(differences(read_contents(tree()).value(), read_contents(work.path / "copy").value())), "");
    fs::path second = pack_as("second", packing(), work.path / "copy");
    EXPECT_EQ(digest_of_file(first).value(), digest_of_file(second).value());
}

TEST_P(PackTest, no_time_is_later_than_the_epoch) {
    Packing early = packing();
    early.epoch = 1600000000;
    fs::path image = pack_as("image", early, tree());
    mounted(image, [](const fs::path& root) {
        for (const char* name : {"", "etc", "etc/one", "usr/lib/link"}) {
            struct stat status = {};
            ::lstat((root / name).c_str(), &status);
            EXPECT_EQ(status.st_mtime, 1600000000) << name;
        }
    });
}

TEST_P(PackTest, other_settings_give_other_bytes) {
    Packing other = packing();
    other.seed = "another";
    fs::path first = pack_as("first", packing(), tree());
    if (GetParam() == "squashfs") other.compression = "gzip"; // it has no UUID
    EXPECT_NE(digest_of_file(first).value(), digest_of_file(pack_as("second", other, tree())).value());
}

INSTANTIATE_TEST_SUITE_P(formats, PackTest, testing::Values("squashfs", "erofs", "ext4"),
                         [](const auto& format) { return format.param; });

TEST(CheckPacking, says_what_is_wrong) {
    auto problem = [](const Packing& packing) {
        Result<> result = check_packing(packing);
        return result ? "" : result.error().what;
    };
    EXPECT_EQ(problem({.format = "erofs", .compression = "lz4hc:12"}), "");
    EXPECT_EQ(problem({.format = "squshfs"}),
              "unknown format 'squshfs'; did you mean 'squashfs'?; there are squashfs, erofs, ext4");
    EXPECT_EQ(problem({.compression = "brotli"}),
              "squashfs cannot be compressed with 'brotli'; there are zstd, gzip, xz, lz4, lzo, none, seed");
    EXPECT_EQ(problem({.compression = "xz:6"}), "--compression: xz has no levels");
    EXPECT_EQ(problem({.compression = "zstd:much"}), "the level of compression 'much' is not a number");
    EXPECT_EQ(problem({.format = "erofs", .size = 1}),
              "--size is for ext4; erofs is as large as what is in it");
    EXPECT_EQ(problem({.block_size = 65536, .profile = BootProfile{}}), "");
    EXPECT_EQ(problem({.format = "erofs", .profile = BootProfile{}}),
              "--profile is for squashfs; erofs cannot be laid out by one");
    EXPECT_EQ(problem({.format = "ext4", .block_size = 4096}),
              "--block-size is for squashfs; ext4 has its own");
    for (uint64_t size : {2048U, 5000U, 2U << 20})
        EXPECT_EQ(problem({.block_size = size}),
                  text("--block-size: ", size, " is not a power of two from 4K to 1M"));
}

TEST(SquashfsLayout, the_files_of_a_profile_come_first) {
    Stage work = make_test_directory();
    SilentProgress progress;
    shell(work.path, "mkdir -p tree/a tree/z; for name in a/1 a/2 'z/a b' z/#4; do head -c 70000 "
                     "/dev/urandom >tree/$name; done");
    fs::rename(work.path / "tree/z/#4", work.path / "tree/z/#4\"\\");
    Packing packing = {.compression = "none", .profile = BootProfile{}};
    for (const char* path : {"/z/#4\"\\", "/not there", "/a/2", "/z/a b"})
        packing.profile->files.push_back({path, {}});
    for (const char* name : {"one", "two"})
        ASSERT_TRUE(pack(work.path / "tree", work.path / name, packing, progress));
    std::string image = read_file(work.path / "one").value();
    EXPECT_EQ(image, read_file(work.path / "two").value());
    size_t last = 0;
    for (const char* name : {"z/#4\"\\", "a/2", "z/a b", "a/1"}) {
        size_t at = image.find(read_file(work.path / "tree" / name)->substr(0, 60000));
        ASSERT_NE(at, std::string::npos) << name;
        EXPECT_GT(at, last) << name;
        last = at;
    }
    EXPECT_FALSE(fs::exists(work.path / "one.sort"));
    constexpr size_t kBlockSize = 12; // in the superblock, four bytes
    EXPECT_EQ(image.substr(kBlockSize, 4), std::string("\0\0\1\0", 4));
    packing.block_size = 8192;
    ASSERT_TRUE(pack(work.path / "tree", work.path / "three", packing, progress));
    EXPECT_EQ(read_file(work.path / "three")->substr(kBlockSize, 4), std::string("\0\x20\0\0", 4));
}

TEST(Ext4Size, is_that_of_the_tree_and_not_of_the_host) {
    if (::geteuid() != 0) GTEST_SKIP();
    Stage work = make_test_directory();
    SilentProgress progress;
    // The directory keeps its size when its files go.
    shell(work.path, "mkdir -p tree/directory; cd tree/directory; name=$(printf %0200d 1); "
                     "seq -f $name%g 3000 | xargs touch; find -type f -delete; cp -a ../../tree ../../copy");
    for (const char* name : {"tree", "copy"})
        ASSERT_TRUE(pack(work.path / name, work.path / text(name, ".ext4"),
                         {.format = "ext4", .seed = "test"}, progress));
    EXPECT_EQ(fs::file_size(work.path / "tree.ext4"), fs::file_size(work.path / "copy.ext4"));
}

TEST(Ext4Size, too_small_is_said) {
    if (::geteuid() != 0) GTEST_SKIP();
    Stage work = make_test_directory();
    SilentProgress progress;
    fs::create_directory(work.path / "tree");
    shell(work.path / "tree", "head -c 20000000 /dev/urandom >large");
    Result<> packed =
        pack(work.path / "tree", work.path / "image", {.format = "ext4", .size = 8 << 20}, progress);
    ASSERT_FALSE(packed);
    EXPECT_EQ(packed.error().what, "the tree needs about 28 MiB and --size gives 8");
}

} // namespace

} // namespace mangrove::head
