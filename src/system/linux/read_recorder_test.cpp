#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

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

    void read(const std::string& name) { EXPECT_TRUE(world.system().read_file(path + name)); }
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
    Result<> started = root.world.system().record_reads({.root = root.path,
                                                         .end = root.path + "/run/end",
                                                         .result = "/run/result",
                                                         .limit = seconds(20),
                                                         .to_text = listed});
    ASSERT_TRUE(started) << describe(started.error());
    for (const char* name : {"/usr/two", "/usr/one", "/usr/empty", "/usr/two"})
        root.read(name);
    ASSERT_TRUE(root.world.system().write_file(root.path + "/run/end", "", 0600));
    EXPECT_EQ(root.result(), "/usr/two 0+5\n/usr/one 0+10000\n");
}

TEST(ReadRecorder, EndsAtItsLimit) {
    if (::geteuid() != 0) GTEST_SKIP() << "fanotify needs root";
    RootToBe root;
    ASSERT_TRUE(root.world.system().record_reads({.root = root.path,
                                                  .end = root.path + "/run/end",
                                                  .result = "/run/result",
                                                  .limit = seconds(1),
                                                  .to_text = listed}));
    root.read("/three");
    EXPECT_EQ(root.result(), "/three 0+1\n");
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
