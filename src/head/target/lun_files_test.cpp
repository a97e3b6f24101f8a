#include "head/target/lun_files.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "head/host/testing/collected_progress.h"
#include "head/host/testing/full_tree.h"

namespace mangrove::head {

namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

struct LunFilesTest : testing::Test {
    Stage work = make_test_directory();
    CollectedProgress progress;
    fs::path luns = work.path / "luns";
    fs::path file = luns / "a.img";

    void SetUp() override {
        shell(work.path, "mkdir luns luns/deep elsewhere; echo secret >elsewhere/file");
        // Text, a hole, text, and no whole number of blocks.
        shell(work.path,
              "{ seq 5000; head -c 300000 /dev/zero; seq 999; } >image; gzip -k image; xz -k image; "
              "zstd -q -k image");
    }
    static std::string told(const auto& result) { return result ? "nothing" : result.error().what; }
    Result<Upload> upload(const char* name, uint64_t size = 0, Replacing replacing = Replacing::allowed) {
        return upload_file(work.path / name, file, size, replacing, progress);
    }
    /// Of the file: time and inode change with every writing.
    std::pair<ino_t, int64_t> identity() const {
        struct stat status = {};
        EXPECT_EQ(::stat(file.c_str(), &status), 0);
        return {status.st_ino, status.st_mtim.tv_nsec};
    }
};

TEST_F(LunFilesTest, a_file_is_made_only_with_a_size_and_taken_as_it_is_after) {
    EXPECT_EQ(told(file_backing(luns, "a.img", 0)),
              text(file.native(), " not found; create it with --size SIZE"));
    Backing made = file_backing(luns, "a.img", 1048576).value();
    EXPECT_EQ(made.path, file);
    EXPECT_EQ(made.size, 1048576U);
    struct stat status = {};
    ASSERT_EQ(::stat(file.c_str(), &status), 0);
    EXPECT_EQ(status.st_blocks, 0) << "a hole";
    EXPECT_EQ(file_backing(luns, "deep/../a.img", 0)->path, file.native());
    EXPECT_EQ(file_backing(luns, file, 1048576)->size, 1048576U);
    EXPECT_EQ(told(file_backing(luns, "a.img", 2097152)),
              text(file.native(), " has 1048576 bytes, not 2097152; omit --size to use it as it is"));
    EXPECT_THAT(told(file_backing(luns, "b.img", 0)), HasSubstr("did you mean 'a.img'?"));
}

TEST_F(LunFilesTest, nothing_outside_the_directory) {
    shell(luns, "ln -s ../elsewhere out; ln -s ../elsewhere/file file; ln -s ../elsewhere/new dangling; "
                "ln -s deep in; echo >deep/small; mkfifo pipe");
    for (const char* name :
         {"../elsewhere/file", "out/file", "file", "/etc/passwd", "deep/../../elsewhere/new", "..", "."})
        EXPECT_THAT(told(file_backing(luns, name, 4096)), HasSubstr("is outside the image directory"))
            << name;
    EXPECT_NE(told(file_backing(luns, "dangling", 4096)), "nothing");
    EXPECT_FALSE(fs::exists(work.path / "elsewhere/new"));
    EXPECT_THAT(told(file_backing(luns, "out/file", 0)), HasSubstr((work.path / "elsewhere/file").native()));
    EXPECT_EQ(file_backing(luns, "in/new", 4096)->path, (luns / "deep/new").native());
    EXPECT_THAT(told(file_backing(luns, "pipe", 0)), HasSubstr("is not a file"));
    EXPECT_THAT(told(file_backing(luns, "in/small", 0)), HasSubstr("smaller than a block of 512"));
}

TEST_F(LunFilesTest, only_devices_that_are_allowed) {
    shell(work.path, "ln -s /dev/null by-name");
    std::string by_name = work.path / "by-name";
    EXPECT_THAT(told(device_backing("/dev/zero", {})), HasSubstr("not among the devices"));
    EXPECT_EQ(told(device_backing("/dev/zero", {"/dev/null"})),
              "/dev/zero is not among the devices that the target was started with (--device); there are "
              "/dev/null");
    EXPECT_EQ(told(device_backing("/dev/null", {by_name})), by_name + " is not a block device")
        << "allowed, by the name that it was allowed by";
    EXPECT_THAT(told(device_backing("/dev/nulll", {"/dev/null"})), HasSubstr("did you mean '/dev/null'?"));
}

TEST_F(LunFilesTest, an_image_is_unpacked_by_its_name) {
    for (const char* name : {"image", "image.gz", "image.xz", "image.zst"}) {
        fs::remove(file);
        ASSERT_EQ(told(upload(name)), "nothing") << name;
        shell(work.path, "cmp --bytes=$(stat -c %s image) image luns/a.img");
        EXPECT_EQ(fs::file_size(file) % 512, 0U) << name;
        EXPECT_LT(fs::file_size(file) - fs::file_size(work.path / "image"), 512U) << name;
        EXPECT_EQ(std::distance(fs::directory_iterator(luns), {}), 2) << "nothing but it and 'deep'";
    }
    struct stat status = {};
    ASSERT_EQ(::stat(file.c_str(), &status), 0);
    EXPECT_LT(status.st_blocks * 512, 200000) << "zeros are holes";
}

TEST_F(LunFilesTest, identical_contents_are_not_copied_again) {
    ASSERT_EQ(upload("image").value(), Upload::copied);
    auto before = identity();
    for (const char* name : {"image", "image.gz", "image.xz", "image.zst"})
        EXPECT_EQ(upload(name, 0, Replacing::refused).value(), Upload::identical) << name;
    EXPECT_EQ(identity(), before);
    EXPECT_EQ(upload("image.zst", 1 << 20).value(), Upload::copied) << "larger";
    EXPECT_EQ(fs::file_size(file), 1U << 20);
    EXPECT_EQ(upload("image.gz", 1 << 20).value(), Upload::identical);
    shell(luns, "printf x | dd of=a.img bs=1 seek=900000 conv=notrunc 2>/dev/null");
    EXPECT_EQ(told(upload("image.gz", 1 << 20, Replacing::refused)),
              file.native() + " has other contents, and it is served");
    EXPECT_EQ(upload("image.gz", 1 << 20).value(), Upload::copied);
}

TEST_F(LunFilesTest, a_damaged_or_wrong_source_leaves_what_is_there) {
    shell(work.path, "head -c 500 image.xz >cut.xz; cp image not.gz; : >empty; cp image.zst damaged.zst; "
                     "head -c 9000 image.gz >cut.gz; "
                     "printf '\\377\\377\\377' | dd of=damaged.zst bs=1 seek=2000 conv=notrunc 2>/dev/null");
    ASSERT_TRUE(upload("image"));
    auto before = identity();
    EXPECT_THAT(told(upload("not.gz")), HasSubstr("not.gz is not what its name says (.gz)"));
    EXPECT_THAT(told(upload("cut.xz")), HasSubstr("reading " + (work.path / "cut.xz").native()));
    EXPECT_THAT(told(upload("damaged.zst")), HasSubstr("damaged.zst"));
    EXPECT_THAT(told(upload("cut.gz")), HasSubstr("reading " + (work.path / "cut.gz").native()));
    EXPECT_THAT(told(upload("empty")), HasSubstr("is empty"));
    EXPECT_THAT(told(upload("missing")), HasSubstr("missing: No such file"));
    EXPECT_THAT(told(upload("luns")), HasSubstr("is not a file"));
    EXPECT_EQ(identity(), before);
    EXPECT_EQ(std::distance(fs::directory_iterator(luns), {}), 2) << "no leftover";
}

} // namespace

} // namespace mangrove::head
