#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/unique_fd.h"
#include "system/contract/contract.h"

namespace mangrove {
namespace {

std::string listed(const std::vector<ReadFile>& files) {
    std::string list;
    for (const ReadFile& file : files) {
        list += file.path;
        for (const ReadPart& part : file.parts)
            list += text(" ", part.offset, "+", part.size);
        list += "\n";
    }
    return list;
}

/// A root that is mounted at its place already, with a /run in it.
struct RootToBe {
    RootToBe() {
        ::mkdir(path.c_str(), 0755);
        EXPECT_EQ(::mount("tmpfs", path.c_str(), "tmpfs", 0, nullptr), 0);
        for (const char* name : {"/run", "/usr"})
            ::mkdir((path + name).c_str(), 0755);
        for (auto [name, size] :
             {std::pair("/usr/one", 10000), {"/usr/two", 5}, {"/usr/empty", 0}, {"/three", 1}})
            EXPECT_TRUE(
                world.system().write_file(path + name, std::string(static_cast<size_t>(size), 'a'), 0644));
    }
    ~RootToBe() { ::umount2(path.c_str(), MNT_DETACH); }
    RootToBe(const RootToBe&) = delete;
    RootToBe& operator=(const RootToBe&) = delete;

    Result<> record(const std::string& root_at_end, seconds limit = seconds(20)) {
        return world.system().record_reads({.root = path,
                                            .end = path + "/run/end",
                                            .result = "/run/result",
                                            .limit = limit,
                                            .root_at_end = root_at_end,
                                            .to_text = listed});
    }
    void end() { EXPECT_TRUE(world.system().write_file(path + "/run/end", "", 0600)); }
    void read(const std::string& name) { EXPECT_TRUE(world.system().read_file(path + name)); }
    void write_byte(const std::string& name, off_t place) {
        UniqueFd file(::open((path + name).c_str(), O_WRONLY | O_CLOEXEC));
        EXPECT_EQ(::pwrite(file.get(), "a", 1, place), 1);
    }
    std::string result() {
        for (int looks = 0; looks < 500; ++looks, ::usleep(20000))
            if (Result<std::string> written = world.system().read_file(path + "/run/result")) return *written;
        return "nothing";
    }

    LinuxWorld world;
    std::string path = world.base() + "/root";
};

TEST(ReadRecorder, KnowsWhatWasReadInItsOrder) {
    if (::geteuid() != 0) GTEST_SKIP() << "fanotify needs root";
    RootToBe root;
    Result<> started = root.record(root.path);
    ASSERT_TRUE(started) << describe(started.error());
    for (const char* name : {"/usr/two", "/usr/one", "/usr/empty", "/usr/two"})
        root.read(name);
    root.end();
    EXPECT_EQ(root.result(), "/usr/two 0+5\n/usr/one 0+10000\n");
}

TEST(ReadRecorder, EndsAtItsLimit) {
    if (::geteuid() != 0) GTEST_SKIP() << "fanotify needs root";
    RootToBe root;
    ASSERT_TRUE(root.record(root.path, seconds(1)));
    root.read("/three");
    EXPECT_EQ(root.result(), "/three 0+1\n");
}

TEST(ReadRecorder, AFileThatIsReplacedIsInItOnce) {
    if (::geteuid() != 0) GTEST_SKIP() << "fanotify needs root";
    RootToBe root;
    ASSERT_TRUE(root.record(root.path));
    root.read("/usr/two");
    ::usleep(500'000); // until it is noted
    ASSERT_TRUE(root.world.system().write_file(root.path + "/usr/new", "another", 0644));
    ASSERT_TRUE(root.world.system().rename(root.path + "/usr/new", root.path + "/usr/two"));
    root.read("/usr/two");
    root.end();
    EXPECT_EQ(root.result(), "/usr/two 0+7\n");
}

TEST(ReadRecorder, ASparseFileLargerThanTheMemoryIsLookedAtInParts) {
    if (::geteuid() != 0) GTEST_SKIP() << "fanotify needs root";
    RootToBe root;
    ASSERT_EQ(::truncate((root.path + "/three").c_str(), off_t{1} << 42), 0);
    ASSERT_TRUE(root.record(root.path));
    root.write_byte("/three", 300 << 20);
    root.end();
    EXPECT_EQ(root.result(), "/three 0+4096 314572800+4096\n");
}

TEST(ReadRecorder, ANameThatIsOneOfADeviceByNowIsPassedOver) {
    if (::geteuid() != 0) GTEST_SKIP() << "fanotify needs root";
    RootToBe root;
    ASSERT_TRUE(root.record(root.path));
    root.read("/usr/two");
    root.read("/usr/one");
    ::unlink((root.path + "/usr/two").c_str());
    ASSERT_EQ(::mkfifo((root.path + "/usr/two").c_str(), 0600), 0);
    root.end();
    EXPECT_EQ(root.result(), "/usr/one 0+10000\n");
}

TEST(ReadRecorder, TheRootCanBeUnmountedMeanwhile) {
    if (::geteuid() != 0) GTEST_SKIP() << "fanotify needs root";
    RootToBe root;
    std::string run = root.world.base() + "/run";
    ::mkdir(run.c_str(), 0755);
    ASSERT_TRUE(root.world.system().record_reads({.root = root.path,
                                                  .end = run + "/end",
                                                  .result = "/run/result",
                                                  .limit = seconds(20),
                                                  .root_at_end = root.path,
                                                  .to_text = listed}));
    int problem = EBUSY;
    for (int tries = 0; tries < 100 && problem == EBUSY; ++tries, ::usleep(20000))
        problem = ::umount2(root.path.c_str(), 0) == 0 ? 0 : errno;
    EXPECT_EQ(problem, 0) << "the process holds it";
    ASSERT_TRUE(root.world.system().write_file(run + "/end", "", 0600));
}

TEST(ReadRecorder, ARootThatIsNotThereIsSaid) {
    LinuxWorld world;
    Result<> started = world.system().record_reads({.root = world.base() + "/none",
                                                    .end = world.base() + "/end",
                                                    .result = "/run/result",
                                                    .limit = seconds(1),
                                                    .to_text = listed});
    ASSERT_FALSE(started);
    EXPECT_NE(started.error().what.find("/none"), std::string::npos);
}

} // namespace
} // namespace mangrove
