#include <cerrno>
#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "system/contract/contract.h"

namespace mangrove {
namespace {

/// A file system without a server: whoever looks for anything in it waits for ever.
class SilentFilesystem {
  public:
    explicit SilentFilesystem(const std::string& directory)
        : directory_(directory), device_(::open("/dev/fuse", O_RDWR | O_CLOEXEC)) {
        std::string options = text("fd=", device_.get(), ",rootmode=40000,user_id=0,group_id=0");
        is_mounted_ =
            device_.is_open() && ::mount("silent", directory.c_str(), "fuse", 0, options.c_str()) == 0;
    }
    ~SilentFilesystem() {
        device_.reset();
        if (is_mounted_) ::umount2(directory_.c_str(), MNT_DETACH);
    }
    SilentFilesystem(const SilentFilesystem&) = delete;
    SilentFilesystem& operator=(const SilentFilesystem&) = delete;
    bool is_mounted() const { return is_mounted_; }

  private:
    std::string directory_;
    UniqueFd device_;
    bool is_mounted_ = false;
};

class BoundedMount : public testing::Test {
  protected:
    std::string make(const std::string& name) {
        std::string directory = world_.base() + "/" + name;
        EXPECT_TRUE(world_.system().make_directory(directory, 0755));
        return directory;
    }
    LinuxWorld world_;
};

class BoundedWriteTest : public testing::Test {
  protected:
    LinuxWorld world_;
};

TEST_F(BoundedMount, IsLikeAnyOtherInTime) {
    std::string target = make("target");
    MountRequest request = {.source = "tmpfs", .target = target, .type = "tmpfs", .time_limit = seconds(60)};
    size_t before = world_.mount_count();
    ASSERT_TRUE(world_.system().mount(request));
    EXPECT_EQ(world_.mount_count(), before + 1);
    ASSERT_TRUE(world_.system().unmount(target));
    request.target = target + "/none";
    Result<> mounted = world_.system().mount(request);
    ASSERT_FALSE(mounted);
    EXPECT_EQ(mounted.error().code, ENOENT);
    EXPECT_EQ(mounted.error().what,
              "mounting tmpfs on " + target + "/none as tmpfs: No such file or directory");
}

TEST_F(BoundedMount, IsGivenUpAtItsLimit) {
    SilentFilesystem silent(make("silent"));
    if (!silent.is_mounted()) GTEST_SKIP() << "this kernel has no FUSE";
    MountRequest request = {.source = world_.base() + "/silent/directory",
                            .target = make("target"),
                            .flags = MS_BIND,
                            .time_limit = milliseconds(50)};
    size_t before = world_.mount_count();
    Time start = Clock::now();
    Result<> mounted = world_.system().mount(request);
    EXPECT_LT(Clock::now() - start, seconds(5));
    ASSERT_FALSE(mounted);
    EXPECT_EQ(mounted.error().code, ETIMEDOUT);
    EXPECT_TRUE(mounted.error().is_transient());
    EXPECT_EQ(world_.mount_count(), before);
}

TEST_F(BoundedMount, StorageThatIsAwayKeepsNobodyLonger) {
    SilentFilesystem silent(make("silent"));
    if (!silent.is_mounted()) GTEST_SKIP() << "this kernel has no FUSE";
    Result<> asked = world_.system().ask_storage(world_.base() + "/silent", milliseconds(50));
    ASSERT_FALSE(asked);
    EXPECT_EQ(asked.error().code, ETIMEDOUT);
}

TEST_F(BoundedMount, AnActionThatWaitsForEverKeepsNobodyLonger) {
    SilentFilesystem silent(make("silent"));
    if (!silent.is_mounted()) GTEST_SKIP() << "this kernel has no FUSE";
    Time start = Clock::now();
    Result<std::string> found = world_.system().run_bounded("looking around", milliseconds(50), [&] {
        return world_.system().resolve_in_root(world_.base(), "silent/file");
    });
    EXPECT_LT(Clock::now() - start, seconds(5));
    ASSERT_FALSE(found);
    EXPECT_EQ(found.error().code, ETIMEDOUT);
    EXPECT_TRUE(found.error().is_transient());
    EXPECT_TRUE(found.error().what.starts_with("looking around: ")) << found.error().what;
}

TEST_F(BoundedWriteTest, IsLikeAnyOtherInTime) {
    world_.add_file("attribute", "old");
    BoundedWrite request = {.path = world_.base() + "/attribute", .value = "new", .time_limit = seconds(60)};
    ASSERT_TRUE(world_.system().write_bounded(request));
    EXPECT_EQ(world_.system().read_file(request.path), "new");
    request.path += "/none";
    Result<> written = world_.system().write_bounded(request);
    ASSERT_FALSE(written);
    EXPECT_EQ(written.error().code, ENOTDIR);
    EXPECT_EQ(written.error().what, "writing 'new' to " + request.path + ": Not a directory");
}

TEST_F(BoundedWriteTest, IsGivenUpAtItsLimit) {
    // Nobody opens the other end.
    std::string path = world_.base() + "/pipe";
    ASSERT_EQ(::mkfifo(path.c_str(), 0600), 0);
    Time begin = Clock::now();
    Result<> written =
        world_.system().write_bounded({.path = path, .value = "1", .time_limit = milliseconds(100)});
    ASSERT_FALSE(written);
    EXPECT_EQ(written.error().code, ETIME);
    EXPECT_TRUE(written.error().is_transient());
    EXPECT_LT(Clock::now() - begin, seconds(3));
}

TEST_F(BoundedWriteTest, HasItsKeyToItself) {
    world_.add_file("attribute", "old");
    BoundedWrite request = {.path = world_.base() + "/attribute",
                            .value = "new",
                            .time_limit = seconds(60),
                            .key = KernelKey{"user", "mangrove-test", {1, 2, 3}}};
    Result<> written = world_.system().write_bounded(request);
    if (!written && written.error().code == ENOSYS) GTEST_SKIP() << "this kernel has no keys";
    ASSERT_TRUE(written) << written.error().what;
    EXPECT_LT(::syscall(SYS_request_key, "user", "mangrove-test", nullptr, 0), 0);
    request.key->type = "no-such-type";
    written = world_.system().write_bounded(request);
    ASSERT_FALSE(written);
    EXPECT_EQ(written.error().code, EKEYREJECTED);
    EXPECT_EQ(written.error().what, "adding the key no-such-type mangrove-test: No such device");
}

} // namespace
} // namespace mangrove
