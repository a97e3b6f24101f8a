#include <atomic>
#include <csignal>
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include "attach/served_device.h"
#include "lazy/serve.h"
#include "system/contract/contract.h"

// The loop device of a served file, on the kernel of this machine.

namespace mangrove {
namespace {

constexpr size_t kSlots = 256;
constexpr size_t kSize = 2 << 20;
constexpr uint64_t kPieces = kSize / lazy::kPieceSize;

uint8_t byte_at(uint64_t offset) {
    return static_cast<uint8_t>(offset * 7 ^ offset >> 9 ^ offset >> 17);
}

/// A file that is whole in the cache, whose server is a child.
struct ServedLoopTest : testing::Test {
    ServedLoopTest() {
        source.urls = {*Url::parse("http://192.0.2.1/root")};
        source.size = kSize;
        for (uint64_t piece = 0; piece < kPieces; ++piece) {
            lazy::Slot& slot = memory.slot(piece);
            slot.piece = piece;
            slot.state = lazy::Slot::State::whole;
            for (size_t at = 0; at < lazy::kPieceSize; ++at)
                memory.contents(piece)[at] = byte_at(piece * lazy::kPieceSize + at);
        }
    }
    ~ServedLoopTest() override { end_server(); }

    void start_server() {
        server = ::fork();
        ASSERT_GE(server, 0);
        if (server > 0) return;
        LinuxSystem own;
        std::unique_ptr<lazy::KernelChannel> channel = device->open_channel(own, memory.state());
        std::optional<uint32_t> generation;
        while (!generation)
            generation = lazy::take_over(own, memory);
        lazy::ServingEnd end = lazy::serve(own, source, memory, *channel, *generation, lazy::Phase::root,
                                           [](const ServedState&) {});
        ::_exit(end == lazy::ServingEnd::let_go ? 0 : 1);
    }
    /// Returns its status.
    int end_server(int signal = SIGKILL) {
        if (server <= 0) return -1;
        if (signal != 0) ::kill(server, signal);
        int status = 0;
        ::waitpid(server, &status, 0);
        server = 0;
        return status;
    }
    /// Whether a read past the page cache has the right bytes.
    bool is_right(const std::string& path, uint64_t offset, size_t length) {
        void* memory_of_read = nullptr;
        EXPECT_EQ(::posix_memalign(&memory_of_read, 4096, length), 0);
        std::unique_ptr<void, void (*)(void*)> bytes(memory_of_read, ::free);
        UniqueFd disk(::open(path.c_str(), O_RDONLY | O_DIRECT | O_CLOEXEC));
        if (::pread(disk.get(), bytes.get(), length, static_cast<off_t>(offset))
            != static_cast<ssize_t>(length))
            return false;
        for (size_t at = 0; at < length; ++at)
            if (static_cast<uint8_t*>(bytes.get())[at] != byte_at(offset + at)) return false;
        return true;
    }

    LinuxWorld world;
    lazy::Source source;
    lazy::SharedMemory memory{*world.system().share_memory(lazy::SharedMemory::size_for(kSlots)), kSlots};
    std::unique_ptr<ServedDevice> device;
    pid_t server = 0;
};

TEST_F(ServedLoopTest, OutlivesItsServerAndEndsWithTheLoopDevice) {
    device = *open_served_loop(world.system(), kSize);
    start_server();
    size_t mounts = world.mount_count();
    Result<std::string> path = device->attach(world.system());
    ASSERT_TRUE(path) << describe(path.error());
    EXPECT_EQ(world.mount_count(), mounts) << "nothing of it is in the tree";
    std::string block = "/sys/block/" + path->substr(5);
    EXPECT_EQ(world.system().read_file(block + "/size"), text(kSize / 512, "\n"));
    EXPECT_EQ(world.system().read_file(block + "/ro"), "1\n");
    EXPECT_EQ(world.system().read_file(block + "/loop/dio"), "1\n") << "the page cache holds it once";
    EXPECT_TRUE(is_right(*path, 0, 1 << 20));
    EXPECT_TRUE(is_right(*path, kSize - 4096, 4096));

    // Reads go on while servers are killed.
    auto progress = *world.system().share_memory(sizeof(std::atomic<uint32_t>));
    auto& reads = *new (progress.get()) std::atomic<uint32_t>;
    constexpr uint32_t kKills = 8;
    pid_t reader = ::fork();
    if (reader == 0) {
        for (uint32_t done = 0; done < 100 * kKills; reads = ++done)
            if (!is_right(*path, done % 31 * 65536, 65536)) ::_exit(1);
        ::_exit(0);
    }
    for (uint32_t kill = 1; kill <= kKills; ++kill) {
        while (reads < kill * 90 && ::kill(reader, 0) == 0)
            world.system().sleep(milliseconds(1));
        end_server();
        start_server();
    }
    int status = 0;
    ::waitpid(reader, &status, 0);
    EXPECT_EQ(status, 0);

    ASSERT_TRUE(device->detach(world.system()));
    EXPECT_EQ(end_server(0), 0) << "the kernel has let it go";
}

} // namespace
} // namespace mangrove
