#include "head/host/files.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include "head/host/testing/full_tree.h"

namespace mangrove::head {

namespace {

namespace fs = std::filesystem;

bool is_another_file_system(const fs::path& a, const fs::path& b) {
    struct stat of_a = {};
    struct stat of_b = {};
    return ::stat(a.c_str(), &of_a) == 0 && ::stat(b.c_str(), &of_b) == 0 && of_a.st_dev != of_b.st_dev;
}

TEST(CloneFile, within_a_file_system_and_to_another) {
    Stage work = make_test_directory();
    if (!is_another_file_system(work.path, "/dev/shm"))
        GTEST_SKIP() << "/dev/shm is no file system of its own";
    Stage other(fs::path("/dev/shm") / work.path.filename());
    fs::create_directory(other.path);
    shell(work.path, "seq 100000 >file; truncate -s 24M file; echo end >>file");
    std::string contents = digest_of_file(work.path / "file").value();
    for (const auto& [from, to] : {std::pair(work.path / "file", work.path / "copy"),
                                   {work.path / "file", other.path / "copy"},
                                   {other.path / "copy", work.path / "back"}}) {
        Result<> copied = clone_file(from, to);
        ASSERT_TRUE(copied) << describe(copied.error());
        EXPECT_EQ(digest_of_file(to).value(), contents);
        struct stat status = {};
        ::stat(to.c_str(), &status);
        EXPECT_LT(status.st_blocks, 4000) << "the hole was filled";
    }
}

TEST(CloneFile, keeps_the_mode_and_follows_no_link) {
    Stage work = make_test_directory();
    shell(work.path,
          "echo secret >from; chmod 0600 from; echo precious >victim; ln -s victim to; ln -s victim to.new");
    ASSERT_TRUE(clone_file(work.path / "from", work.path / "to"));
    EXPECT_EQ(read_file(work.path / "victim").value(), "precious\n");
    EXPECT_EQ(read_file(work.path / "to").value(), "secret\n");
    struct stat status = {};
    ::lstat((work.path / "to").c_str(), &status);
    EXPECT_EQ(status.st_mode, S_IFREG | 0600U);
}

TEST(Locks, follow_no_link) {
    Stage work = make_test_directory();
    shell(work.path, "ln -s elsewhere lock");
    EXPECT_FALSE(try_lock(work.path / "lock"));
    EXPECT_FALSE(std::filesystem::exists(work.path / "elsewhere"));
}

} // namespace

} // namespace mangrove::head
