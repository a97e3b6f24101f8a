#include <cerrno>
#include <fcntl.h>
#include <sys/mount.h>

#include "system/contract.h"

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

} // namespace
} // namespace mangrove
