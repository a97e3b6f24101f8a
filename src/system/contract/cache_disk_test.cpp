#include <cstdlib>
#include <gtest/gtest.h>
#include <poll.h>
#include <unistd.h>

#include "system/fake/cache_disk.h"
#include "system/linux/system.h"

// The contract of `CacheDisks`: the same tests on the fake and on a file through a process.
namespace mangrove {

constexpr size_t kSize = 2 * CacheDisk::kLongest;

class FakeDiskWorld {
  public:
    FakeDiskWorld() { disks_.bytes.resize(kSize); }
    CacheDisks& disks() { return disks_; }
    std::string path() { return "/dev/vda"; }
    void wait(CacheDisk&) {}

  private:
    Transcript transcript_;
    FakeCacheDisks disks_{transcript_};
};

class LinuxDiskWorld {
  public:
    LinuxDiskWorld() {
        UniqueFd file(::mkstemp(path_.data()));
        EXPECT_EQ(::ftruncate(file.get(), kSize), 0);
    }
    ~LinuxDiskWorld() { ::unlink(path_.c_str()); }
    LinuxDiskWorld(const LinuxDiskWorld&) = delete;
    LinuxDiskWorld& operator=(const LinuxDiskWorld&) = delete;
    CacheDisks& disks() { return system_.cache_disks(); }
    std::string path() { return path_; }
    void wait(CacheDisk& disk) {
        constexpr int kTenSeconds = 10000;
        pollfd waited = {.fd = disk.woken_by().get(), .events = POLLIN, .revents = 0};
        EXPECT_EQ(::poll(&waited, 1, kTenSeconds), 1);
    }

  private:
    std::string path_ = "/var/tmp/mangrove-cache-disk-XXXXXX";
    LinuxSystem system_{DeviceManager::kernel, LinuxSystem::DeviceEvents::ignored};
};

template <typename World>
struct CacheDiskContract : testing::Test {
    CacheDiskContract() {
        Result<CacheDisks::Opened> opened = world.disks().open(world.path());
        EXPECT_TRUE(opened) << describe(opened.error());
        size = opened->size;
        file = std::move(opened->disk);
        disk = *world.disks().start(file, "the cache");
    }
    CacheDisk::End wait() {
        world.wait(*disk);
        return disk->take_end().value_or(CacheDisk::End{});
    }

    World world;
    UniqueFd file;
    uint64_t size = 0;
    std::unique_ptr<CacheDisk> disk;
};
using DiskWorlds = testing::Types<FakeDiskWorld, LinuxDiskWorld>;
TYPED_TEST_SUITE(CacheDiskContract, DiskWorlds);

TYPED_TEST(CacheDiskContract, ReadsWhatWasWritten) {
    EXPECT_EQ(this->size, kSize);
    std::string written(CacheDisk::kLongest, 'x');
    this->disk->write(CacheDisk::kBlock, as_bytes(written));
    EXPECT_FALSE(this->disk->can_write());
    EXPECT_TRUE(this->disk->can_read());
    CacheDisk::End end = this->wait();
    EXPECT_TRUE(end.is_write);
    EXPECT_FALSE(end.error);
    EXPECT_TRUE(this->disk->can_write());
    this->disk->read(0, 2 * CacheDisk::kBlock);
    EXPECT_FALSE(this->disk->can_read());
    end = this->wait();
    EXPECT_FALSE(end.is_write);
    ASSERT_FALSE(end.error) << end.error->what;
    std::string expected = std::string(CacheDisk::kBlock, '\0') + std::string(CacheDisk::kBlock, 'x');
    EXPECT_EQ(std::string(end.bytes.begin(), end.bytes.end()), expected);
    EXPECT_FALSE(this->disk->take_end());
}

TYPED_TEST(CacheDiskContract, SaysWhatFails) {
    this->disk->read(kSize, CacheDisk::kBlock);
    CacheDisk::End end = this->wait();
    ASSERT_TRUE(end.error);
    EXPECT_EQ(end.error->code, EIO);
    EXPECT_EQ(end.offset, kSize);
    EXPECT_TRUE(this->disk->can_read());
}

} // namespace mangrove
