#include "base/whole_file.h"

#include <algorithm>
#include <cstdlib>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

namespace mangrove {

namespace {

namespace fs = std::filesystem;

/// A directory of somebody who wants to have another file written to.
struct WholeFileTest : testing::TestWithParam<const char*> {
    fs::path work = fs::path(GetParam()) / "mangrove-whole-file-XXXXXX";

    void SetUp() override {
        std::string name = work.native();
        if (!::mkdtemp(name.data())) GTEST_SKIP() << GetParam() << " cannot be written to";
        work = name;
        ASSERT_TRUE(write_file(work / "victim", "precious"));
    }
    void TearDown() override { fs::remove_all(work); }

    std::vector<std::string> names() {
        std::vector<std::string> all;
        for (const fs::directory_entry& entry : fs::directory_iterator(work))
            all.push_back(entry.path().filename());
        std::ranges::sort(all);
        return all;
    }
};

TEST_P(WholeFileTest, replaces_a_link_and_follows_none) {
    for (const char* name : {"file", "file.new", ".file.new"})
        fs::create_symlink("victim", work / name);
    fs::create_symlink("victim", work / ("file." + std::to_string(::getpid())));
    ASSERT_TRUE(write_file(work / "file", "new", 0600));
    EXPECT_EQ(read_file(work / "victim").value(), "precious");
    EXPECT_FALSE(fs::is_symlink(work / "file"));
    EXPECT_EQ(read_file(work / "file").value(), "new");
    struct stat status = {};
    ::stat((work / "file").c_str(), &status);
    EXPECT_EQ(status.st_mode & 0777, 0600U);
}

TEST_P(WholeFileTest, leaves_nothing_where_it_is_not_completed) {
    {
        Result<NewFile> file = NewFile::create(work / "file");
        ASSERT_TRUE(file) << describe(file.error());
        ASSERT_TRUE(file->write("half"));
    }
    EXPECT_EQ(names(), std::vector<std::string>{"victim"});
}

TEST_P(WholeFileTest, replaces_files_and_links_alone) {
    fs::create_directories(work / "directory");
    ASSERT_EQ(::mkfifo((work / "fifo").c_str(), 0600), 0);
    for (const char* name : {"directory", "fifo"})
        EXPECT_EQ(write_file(work / name, "x").error().what,
                  "writing " + (work / name).native() + ": not a regular file");
    EXPECT_EQ(names(), (std::vector<std::string>{"directory", "fifo", "victim"}));
}

TEST_P(WholeFileTest, is_seen_only_when_it_is_whole) {
    ASSERT_TRUE(write_file(work / "file", "old"));
    Result<NewFile> file = NewFile::create(work / "file");
    ASSERT_TRUE(file) << describe(file.error());
    ASSERT_TRUE(file->write("new"));
    EXPECT_EQ(read_file(work / "file").value(), "old");
    ASSERT_TRUE(file->put_in_place());
    EXPECT_EQ(read_file(work / "file").value(), "new");
    EXPECT_EQ(names(), (std::vector<std::string>{"file", "victim"}));
}

TEST_P(WholeFileTest, an_error_names_the_file) {
    EXPECT_EQ(write_file(work / "not/there", "x").error().what,
              "writing " + (work / "not/there").native() + ": No such file or directory");
    EXPECT_EQ(read_file(work).error().what, "reading " + work.native() + ": Is a directory");
}

INSTANTIATE_TEST_SUITE_P(places, WholeFileTest, testing::Values("/tmp", "/dev/shm"));

} // namespace

} // namespace mangrove
