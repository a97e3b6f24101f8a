#include <cerrno>
#include <filesystem>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>

#include "base/log.h"
#include "system/fake/neighbour.h"
#include "system/linux/archives.h"
#include "system/linux/system.h"

namespace mangrove {
namespace {

using testing::HasSubstr;

/// Archives of real tools, unpacked into a tmpfs of 8 MiB.
class LinuxArchivesTest : public testing::Test {
  protected:
    void SetUp() override {
        char name[] = "/tmp/mangrove-archives-XXXXXX";
        ASSERT_TRUE(::mkdtemp(name));
        directory_ = name;
        if (::unshare(CLONE_NEWNS) != 0) GTEST_SKIP() << "a mount namespace takes root";
        ASSERT_EQ(::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr), 0);
        ASSERT_EQ(::mount("test", name, "tmpfs", 0, "size=8M"), 0);
        run("mkdir from to");
    }
    void TearDown() override {
        ::umount2(directory_.c_str(), MNT_DETACH);
        std::filesystem::remove_all(directory_);
        set_log_sink({});
    }
    void run(const std::string& script) {
        EXPECT_TRUE(run_command("cd " + directory_ + " && " + script)) << script;
    }
    std::string at(const std::string& name) { return directory_ + "/" + name; }
    struct stat status(const std::string& name) {
        struct stat found = {};
        EXPECT_EQ(::lstat(at(name).c_str(), &found), 0) << name;
        return found;
    }
    Result<> unpack() { return archives_.unpack(at("archive"), at("to")); }

    LinuxArchives archives_;
    LinuxSystem system_;
    std::string directory_;
};

constexpr const char* kMakeTree =
    "cd from && mkdir -m 1777 tmp && echo hello >file && chown 7:8 file && chmod 4750 file && ln file hard "
    "&& "
    "ln -s /etc/passwd link && mknod null c 1 3 && mkfifo fifo && mkdir empty && "
    "touch -d 2001-02-03T04:05:06Z file && ";

TEST_F(LinuxArchivesTest, KeepsWhatATarSays) {
    run(std::string(kMakeTree)
        + "setfattr -n security.test -v value file 2>/dev/null || true; tar --xattrs --xattrs-include='*' "
          "-cf "
          "../archive .");
    Result<> unpacked = unpack();
    ASSERT_TRUE(unpacked) << describe(unpacked.error());
    EXPECT_EQ(system_.read_file(at("to/file")).value_or(""), "hello\n");
    struct stat file = status("to/file");
    EXPECT_EQ(file.st_mode, S_IFREG | 04750u);
    EXPECT_EQ(file.st_uid, 7u);
    EXPECT_EQ(file.st_gid, 8u);
    EXPECT_EQ(file.st_mtime, 981173106);
    EXPECT_EQ(status("to/hard").st_ino, file.st_ino);
    EXPECT_EQ(system_.read_link(at("to/link")).value_or(""), "/etc/passwd");
    EXPECT_TRUE(S_ISCHR(status("to/null").st_mode));
    EXPECT_EQ(status("to/null").st_rdev, makedev(1, 3));
    EXPECT_TRUE(S_ISFIFO(status("to/fifo").st_mode));
    EXPECT_EQ(status("to/tmp").st_mode, S_IFDIR | 01777u);
    EXPECT_EQ(system_.path_kind(at("to/empty")), PathKind::directory);
    EXPECT_EQ(system_.path_kind(at("archive")), PathKind::missing) << "it is used up";
}

TEST_F(LinuxArchivesTest, KeepsAttributes) {
    run("echo hello >from/file");
    if (::setxattr(at("from/file").c_str(), "security.mangrove", "value", 5, 0) != 0)
        GTEST_SKIP() << "this kernel has no attributes on a tmpfs";
    run("tar --xattrs --xattrs-include='*' -C from -cf archive .");
    ASSERT_TRUE(unpack());
    char value[6] = {};
    EXPECT_EQ(::getxattr(at("to/file").c_str(), "security.mangrove", value, 5), 5);
    EXPECT_STREQ(value, "value");
}

TEST_F(LinuxArchivesTest, KeepsWhatACpioSays) {
    run(std::string(kMakeTree) + "find . | cpio --quiet -o -H newc >../archive");
    Result<> unpacked = unpack();
    ASSERT_TRUE(unpacked) << describe(unpacked.error());
    EXPECT_EQ(system_.read_file(at("to/file")).value_or(""), "hello\n");
    EXPECT_EQ(system_.read_file(at("to/hard")).value_or(""), "hello\n");
    EXPECT_EQ(status("to/hard").st_ino, status("to/file").st_ino);
    EXPECT_EQ(status("to/file").st_mode, S_IFREG | 04750u);
    EXPECT_TRUE(S_ISCHR(status("to/null").st_mode));
}

TEST_F(LinuxArchivesTest, KnowsTheCompressions) {
    for (const char* program : {"gzip", "xz", "zstd -q"}) {
        run(text("rm -rf to/* && echo hello >from/file && tar -C from -c file | ", program, " -c >archive"));
        Result<Beginning> beginning = archives_.look_into(at("archive"));
        ASSERT_TRUE(beginning) << describe(beginning.error());
        EXPECT_TRUE(beginning->is_compressed);
        EXPECT_EQ(std::string(beginning->bytes.begin() + 257, beginning->bytes.begin() + 262), "ustar");
        Result<> unpacked = unpack();
        ASSERT_TRUE(unpacked) << describe(unpacked.error());
        EXPECT_EQ(system_.read_file(at("to/file")).value_or(""), "hello\n");
    }
}

TEST_F(LinuxArchivesTest, Decompresses) {
    run("seq 100000 >from/file && gzip -c from/file >archive");
    ASSERT_TRUE(archives_.decompress(at("archive"), at("to/file")));
    run("cmp from/file to/file && test ! -e archive");
}

TEST_F(LinuxArchivesTest, LooksIntoWhatIsNotCompressed) {
    run("echo hello >archive");
    Result<Beginning> beginning = archives_.look_into(at("archive"));
    ASSERT_TRUE(beginning);
    EXPECT_FALSE(beginning->is_compressed);
    EXPECT_EQ(std::string(beginning->bytes.begin(), beginning->bytes.end()), "hello\n");
    run("true >archive");
    beginning = archives_.look_into(at("archive"));
    ASSERT_TRUE(beginning);
    EXPECT_TRUE(beginning->bytes.empty());
}

TEST_F(LinuxArchivesTest, NothingLeavesTheDirectory) {
    // Upwards, with an absolute name, and through a link that the archive itself brings.
    run("echo evil >from/file && tar -C from -cPf archive --transform=s,file,../../escaped, file "
        "2>/dev/null");
    Result<> upwards = unpack();
    ASSERT_FALSE(upwards);
    EXPECT_THAT(upwards.error().what, HasSubstr("../../escaped"));
    run("tar -C from -cPf archive --transform=s,file," + directory_ + "/escaped, file");
    ASSERT_TRUE(unpack());
    run("rm -rf to/*; cd from && ln -s " + directory_
        + " out && tar -cf ../archive out && rm out && mkdir out && "
          "echo evil >out/escaped && tar -rf ../archive out/escaped");
    static_cast<void>(unpack());
    EXPECT_EQ(system_.path_kind(at("escaped")), PathKind::missing);
    EXPECT_EQ(system_.path_kind(directory_ + "/../escaped"), PathKind::missing);
}

TEST_F(LinuxArchivesTest, SaysThatThereIsNoRoom) {
    run("head -c 20M /dev/zero | gzip >archive");
    Result<> decompressed = archives_.decompress(at("archive"), at("to/file"));
    ASSERT_FALSE(decompressed);
    EXPECT_EQ(decompressed.error().code, ENOSPC);
    run("rm to/* && mount -o remount,size=32M . && head -c 12M /dev/zero | tr '\\0' x >from/file && "
        "tar -C from -czf archive file && rm from/file && mount -o remount,size=8M .");
    Result<> unpacked = unpack();
    ASSERT_FALSE(unpacked);
    EXPECT_EQ(unpacked.error().code, ENOSPC);
}

TEST_F(LinuxArchivesTest, GivesMemoryBackWhileItUnpacks) {
    // 5 MB of noise and their archive do not both fit into 8 MiB.
    run("mount -o remount,size=16M . && head -c 5M /dev/urandom >from/file && tar -C from -cf archive file "
        "&& rm "
        "from/file && mount -o remount,size=8M .");
    Result<> unpacked = unpack();
    ASSERT_TRUE(unpacked) << describe(unpacked.error());
    EXPECT_EQ(status("to/file").st_size, 5 << 20);
}

TEST_F(LinuxArchivesTest, RefusesWhatIsNoArchiveOrIsDamaged) {
    run("head -c 10000 /dev/zero | tr '\\0' x >archive");
    Result<> unpacked = unpack();
    ASSERT_FALSE(unpacked);
    EXPECT_THAT(unpacked.error().what, HasSubstr("Unrecognized archive format"));
    EXPECT_FALSE(unpacked.error().is_transient());
    run("seq 100000 >from/file && tar -C from -cz file | head -c 10000 >archive");
    unpacked = unpack();
    ASSERT_FALSE(unpacked);
    EXPECT_THAT(unpacked.error().what, HasSubstr("truncated"));
}

} // namespace
} // namespace mangrove
