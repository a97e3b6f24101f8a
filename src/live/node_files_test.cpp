#include "live/node_files.h"

#include <csignal>
#include <gmock/gmock.h>
#include <sched.h>
#include <sys/inotify.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <sys/xattr.h>

#include "live/test_tree.h"
#include "system/clock.h"

namespace mangrove {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Pair;
using testing::UnorderedElementsAre;

/// A node and the set that its server has for it. The file systems are real ones, so it takes root.
struct LiveFiles : testing::Test {
    void SetUp() override {
        if (::geteuid() != 0) GTEST_SKIP() << "owners take root";
    }

    /// One round of the program, with a set from the server when that is needed or new.
    Applied apply() {
        needed_set = files.look(state);
        Result<Applied> applied = files.apply(set.path(), state);
        EXPECT_TRUE(applied) << describe(applied.error());
        return applied.value_or(Applied());
    }
    /// One round in which the server's set is the same as before.
    bool look() { return files.look(state); }
    /// Returns the files that are left as they are, in the messages' words.
    std::map<std::string, std::string> left() const {
        std::map<std::string, std::string> words;
        for (const auto& [path, left] : state.left)
            words[path] = left.what;
        return words;
    }
    static constexpr const char* kChanged =
        "changed on this node; left as it is; remove it to get the head node's";
    static constexpr const char* kGone = "changed on this node and no longer on the head node; left as it is";

    TestTree node, set, work;
    std::vector<std::string> labelled;
    LinuxNodeFiles files{node.path(), work.at("/files.json"),
                         [this](const std::vector<std::string>& paths) { labelled = paths; }};
    LiveState state;
    bool needed_set = false;
};

TEST_F(LiveFiles, AreMadeWithWhatTheSetHas) {
    set.put("/etc/munge/munge.key", "key", 0400);
    ASSERT_EQ(::chown(set.at("/etc/munge/munge.key").c_str(), 998, 997), 0);
    ASSERT_EQ(::chmod(set.at("/etc/munge").c_str(), 0700), 0);
    set.link("/etc/localtime", "../usr/share/zoneinfo/UTC");
    Applied applied = apply();
    EXPECT_EQ(applied.replaced, 2u);
    EXPECT_EQ(node.read("/etc/munge/munge.key"), "key");
    EXPECT_EQ(node.status("/etc/munge/munge.key").st_mode & 07777, 0400u);
    EXPECT_EQ(node.status("/etc/munge/munge.key").st_uid, 998u);
    EXPECT_EQ(node.status("/etc/munge/munge.key").st_gid, 997u);
    EXPECT_EQ(node.status("/etc/munge").st_mode & 07777, 0700u);
    EXPECT_EQ(node.read("/etc/localtime"), "-> ../usr/share/zoneinfo/UTC");
    EXPECT_THAT(labelled,
                UnorderedElementsAre("/etc", "/etc/munge", "/etc/munge/munge.key", "/etc/localtime"));
    EXPECT_FALSE(look());
    EXPECT_THAT(left(), IsEmpty());
}

TEST_F(LiveFiles, KeepCapabilitiesAndSetuid) {
    set.put("/bin/ping", "program", 04755);
    // VFS_CAP_REVISION_2, CAP_NET_RAW, as setcap(8) writes it.
    const std::string capability("\1\0\0\2\0\40\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 20);
    ASSERT_EQ(::setxattr(set.at("/bin/ping").c_str(), "security.capability", capability.data(),
                         capability.size(), 0),
              0);
    apply();
    char found[64] = {};
    ASSERT_EQ(::getxattr(node.at("/bin/ping").c_str(), "security.capability", found, sizeof found), 20);
    EXPECT_EQ(std::string(found, 20), capability);
    EXPECT_EQ(node.status("/bin/ping").st_mode & 07777, 04755u);
    EXPECT_FALSE(look());
    ASSERT_EQ(::removexattr(node.at("/bin/ping").c_str(), "security.capability"), 0);
    look();
    EXPECT_THAT(left(), ElementsAre(Pair("/bin/ping", kChanged)));
}

TEST_F(LiveFiles, ThatAreEqualAreLeftAlone) {
    set.put("/etc/motd", "hello");
    node.put("/etc/motd", "hello");
    ino_t before = node.status("/etc/motd").st_ino;
    EXPECT_EQ(apply().replaced, 0u);
    EXPECT_EQ(node.status("/etc/motd").st_ino, before);
    EXPECT_THAT(labelled, IsEmpty());
}

TEST_F(LiveFiles, OfTheImageAreReplaced) {
    node.put("/etc/motd", "the image's");
    set.put("/etc/motd", "hello");
    EXPECT_EQ(apply().replaced, 1u);
    EXPECT_EQ(node.read("/etc/motd"), "hello");
    EXPECT_THAT(left(), IsEmpty());
}

TEST_F(LiveFiles, ThatWereAppliedAreReplaced) {
    set.put("/etc/motd", "one");
    apply();
    set.put("/etc/motd", "two");
    EXPECT_EQ(apply().replaced, 1u);
    EXPECT_EQ(node.read("/etc/motd"), "two");
    set.put("/etc/motd", "two", 0600);
    EXPECT_EQ(apply().replaced, 1u);
    EXPECT_EQ(node.status("/etc/motd").st_mode & 07777, 0600u);
    EXPECT_EQ(apply().replaced, 0u);
}

TEST_F(LiveFiles, AreReplacedWhole) {
    set.put("/etc/motd", "one");
    apply();
    UniqueFd reader(::open(node.at("/etc/motd").c_str(), O_RDONLY | O_CLOEXEC));
    set.put("/etc/motd", "two");
    apply();
    char contents[8] = {};
    EXPECT_EQ(::read(reader.get(), contents, sizeof contents), 3);
    EXPECT_STREQ(contents, "one") << "whoever has it open has the old one";
}

TEST_F(LiveFiles, ThatTheNodeHasChangedAreLeft) {
    set.put("/etc/motd", "one");
    apply();
    node.put("/etc/motd", "mine");
    EXPECT_FALSE(look());
    EXPECT_THAT(left(), ElementsAre(Pair("/etc/motd", kChanged)));
    set.put("/etc/motd", "two");
    EXPECT_EQ(apply().replaced, 0u);
    EXPECT_EQ(node.read("/etc/motd"), "mine");
    EXPECT_THAT(left(), ElementsAre(Pair("/etc/motd", kChanged)));
}

TEST_F(LiveFiles, WithAnotherModeOrOwnerAreChanged) {
    set.put("/etc/one", "one");
    set.put("/etc/two", "two");
    set.link("/etc/three", "one");
    apply();
    ASSERT_EQ(::chmod(node.at("/etc/one").c_str(), 0666), 0);
    ASSERT_EQ(::chown(node.at("/etc/two").c_str(), 1000, 0), 0);
    node.remove("/etc/three");
    node.link("/etc/three", "two");
    look();
    EXPECT_THAT(left(), ElementsAre(Pair("/etc/one", kChanged), Pair("/etc/three", kChanged),
                                    Pair("/etc/two", kChanged)));
}

TEST_F(LiveFiles, ThatWereChangedAndRemovedComeBack) {
    set.put("/etc/motd", "one");
    apply();
    node.put("/etc/motd", "mine");
    EXPECT_FALSE(look());
    node.remove("/etc/motd");
    EXPECT_TRUE(look()) << "the set is needed once more";
    EXPECT_THAT(left(), IsEmpty());
    apply();
    EXPECT_EQ(node.read("/etc/motd"), "one");
}

TEST_F(LiveFiles, ThatWereChangedBackFollowTheServerAgain) {
    set.put("/etc/motd", "one");
    apply();
    node.put("/etc/motd", "mine");
    set.put("/etc/motd", "two");
    apply();
    node.put("/etc/motd", "one");
    EXPECT_TRUE(look()) << "the server may have another one by now";
    apply();
    EXPECT_EQ(node.read("/etc/motd"), "two");
    EXPECT_THAT(left(), IsEmpty());
}

TEST_F(LiveFiles, ThatTheNodeHasChangedAsTheServerDidAreInOrder) {
    set.put("/etc/motd", "one");
    apply();
    node.put("/etc/motd", "two");
    look();
    set.put("/etc/motd", "two");
    apply();
    EXPECT_THAT(left(), IsEmpty());
    set.put("/etc/motd", "three");
    apply();
    EXPECT_EQ(node.read("/etc/motd"), "three");
}

TEST_F(LiveFiles, ThatTheServerNoLongerHasAreRemoved) {
    set.put("/etc/cron.d/job", "one");
    set.put("/etc/motd", "one");
    apply();
    set.remove("/etc/cron.d");
    Applied applied = apply();
    EXPECT_EQ(applied.removed, 1u);
    EXPECT_EQ(node.read("/etc/cron.d/job"), "(none)");
    EXPECT_EQ(node.read("/etc/motd"), "one");
    EXPECT_EQ(state.files.size(), 1u);
    EXPECT_TRUE(std::filesystem::is_directory(node.at("/etc/cron.d"))) << "directories stay";
}

TEST_F(LiveFiles, ThatTheNodeHasChangedAreNotRemoved) {
    set.put("/etc/motd", "one");
    apply();
    node.put("/etc/motd", "mine");
    set.remove("/etc/motd");
    EXPECT_EQ(apply().removed, 0u);
    EXPECT_EQ(node.read("/etc/motd"), "mine");
    EXPECT_THAT(left(), ElementsAre(Pair("/etc/motd", kGone)));
    EXPECT_FALSE(look());
    EXPECT_THAT(left(), ElementsAre(Pair("/etc/motd", kGone)));
    node.remove("/etc/motd");
    EXPECT_FALSE(look());
    EXPECT_THAT(left(), IsEmpty());
    EXPECT_THAT(state.files, IsEmpty());
}

TEST_F(LiveFiles, ThatTheNodeHadBeforeAreNotRemoved) {
    node.put("/etc/hosts", "127.0.0.1 localhost");
    set.put("/etc/hosts", "127.0.0.1 localhost");
    apply();
    set.remove("/etc/hosts");
    EXPECT_EQ(apply().removed, 0u);
    EXPECT_EQ(node.read("/etc/hosts"), "127.0.0.1 localhost");
    EXPECT_THAT(state.files, IsEmpty());
}

TEST_F(LiveFiles, GoWhereTheNodesLinksLead) {
    node.make("/run");
    node.link("/var/run", "/run");
    set.put("/var/run/motd", "hello");
    apply();
    EXPECT_EQ(node.read("/run/motd"), "hello");
    EXPECT_EQ(node.read("/var/run"), "-> /run");
    EXPECT_FALSE(look());
}

TEST_F(LiveFiles, ReplaceALinkAndNotItsTarget) {
    node.put("/etc/real", "real");
    node.link("/etc/resolv.conf", "real");
    set.put("/etc/resolv.conf", "nameserver 192.0.2.1");
    apply();
    EXPECT_EQ(node.read("/etc/resolv.conf"), "nameserver 192.0.2.1");
    EXPECT_EQ(node.read("/etc/real"), "real");
}

TEST_F(LiveFiles, NeverReplaceADirectory) {
    node.put("/etc/app/own", "own");
    set.put("/etc/app", "a file");
    set.put("/etc/motd", "hello");
    EXPECT_EQ(apply().replaced, 1u);
    EXPECT_EQ(node.read("/etc/app/own"), "own");
    EXPECT_EQ(node.read("/etc/motd"), "hello");
    EXPECT_THAT(left(),
                ElementsAre(Pair("/etc/app", "this node has a directory or a device in its place; left "
                                             "as it is")));
    EXPECT_FALSE(look()) << "not the whole set each time";
    node.remove("/etc/app");
    EXPECT_TRUE(look());
    apply();
    EXPECT_EQ(node.read("/etc/app"), "a file");
    EXPECT_THAT(left(), IsEmpty());
}

TEST_F(LiveFiles, BelowAFileAreLeft) {
    node.put("/etc/app", "a file");
    set.put("/etc/app/own", "own");
    apply();
    EXPECT_THAT(state.left["/etc/app/own"].what, HasSubstr("/etc/app is not a directory on this node"));
    EXPECT_FALSE(look());
    node.remove("/etc/app");
    EXPECT_TRUE(look());
    apply();
    EXPECT_EQ(node.read("/etc/app/own"), "own");
}

TEST_F(LiveFiles, AreNeitherDevicesNorPipes) {
    set.make("/etc");
    ASSERT_EQ(::mkfifo(set.at("/etc/pipe").c_str(), 0600), 0);
    apply();
    EXPECT_EQ(node.read("/etc/pipe"), "(none)");
    EXPECT_THAT(left(), ElementsAre(Pair("/etc/pipe", "neither a file nor a link; not made on this node")));
    EXPECT_FALSE(look());
}

TEST_F(LiveFiles, ThatCannotBeReplacedKeepNoOtherFromIt) {
    ASSERT_EQ(::unshare(CLONE_NEWNS), 0);
    ASSERT_EQ(::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr), 0);
    node.make("/boot");
    ASSERT_EQ(::mount("tmpfs", node.at("/boot").c_str(), "tmpfs", MS_RDONLY, nullptr), 0);
    set.put("/boot/config", "hello");
    set.put("/etc/motd", "hello");
    EXPECT_EQ(apply().replaced, 1u);
    EXPECT_THAT(left(), ElementsAre(Pair("/boot/config", "writing config: Read-only file system")));
    EXPECT_TRUE(look()) << "it is tried again";
    ASSERT_EQ(::umount(node.at("/boot").c_str()), 0);
    EXPECT_TRUE(look());
    EXPECT_EQ(apply().replaced, 1u);
    EXPECT_THAT(left(), IsEmpty());
}

TEST_F(LiveFiles, GetTheLabelOfTheOldOne) {
    node.put("/etc/motd", "the image's");
    ASSERT_EQ(::setxattr(node.at("/etc/motd").c_str(), "security.selinux", "etc_t", 6, 0), 0);
    set.put("/etc/motd", "hello");
    ASSERT_EQ(::setxattr(set.at("/etc/motd").c_str(), "security.selinux", "tmp_t", 6, 0), 0);
    apply();
    char label[64] = {};
    EXPECT_EQ(::getxattr(node.at("/etc/motd").c_str(), "security.selinux", label, sizeof label), 6);
    EXPECT_STREQ(label, "etc_t");
}

TEST_F(LiveFiles, AreNotReadAgainWhereNobodyTouchedThem) {
    set.put("/etc/motd", "one");
    apply();
    ::sleep(2);
    look();
    UniqueFd opened(::inotify_init1(IN_NONBLOCK | IN_CLOEXEC));
    ASSERT_GE(::inotify_add_watch(opened.get(), node.at("/etc/motd").c_str(), IN_OPEN), 0);
    char event[1024];
    look();
    EXPECT_EQ(::read(opened.get(), event, sizeof event), -1);
    ASSERT_EQ(::chmod(node.at("/etc/motd").c_str(), 0600), 0);
    look();
    EXPECT_GT(::read(opened.get(), event, sizeof event), 0);
    EXPECT_THAT(left(), ElementsAre(Pair("/etc/motd", kChanged)));
}

TEST_F(LiveFiles, AreKnownAfterARestart) {
    set.put("/etc/motd", "one");
    apply();
    node.put("/etc/other", "mine");
    ASSERT_TRUE(files.save(state));
    EXPECT_EQ(work.status("/files.json").st_mode & 07777, 0600u);
    state = *files.load();
    node.put("/etc/motd", "mine");
    set.put("/etc/motd", "two");
    apply();
    EXPECT_THAT(left(), ElementsAre(Pair("/etc/motd", kChanged)));
}

TEST_F(LiveFiles, AreNoneBeforeTheFirstSet) {
    Result<LiveState> loaded = files.load();
    ASSERT_TRUE(loaded);
    EXPECT_THAT(loaded->files, IsEmpty());
    work.put("/files.json", "rubbish");
    EXPECT_EQ(files.load().error().what, "it is not JSON");
}

/// As in a program that was killed once the state said that the files are about to be replaced.
TEST_F(LiveFiles, ThatWereInterruptedAreFromHere) {
    set.put("/etc/done", "one");
    set.put("/etc/undone", "one");
    apply();
    set.put("/etc/done", "two");
    set.put("/etc/undone", "two");
    set.put("/etc/new", "two");
    LiveState before = state;
    apply();
    LiveState after = state;
    // "done" has been replaced, "undone" has not, of "new" there is half a copy.
    node.put("/etc/undone", "one");
    node.remove("/etc/new");
    state = before;
    for (const auto& [path, file] : after.files)
        state.files[path].next = file.applied;
    state.version = "";
    EXPECT_TRUE(look());
    EXPECT_THAT(left(), IsEmpty());
    set.put("/etc/done", "three");
    set.put("/etc/undone", "three");
    set.put("/etc/new", "three");
    EXPECT_EQ(apply().replaced, 3u);
    for (const char* path : {"/etc/done", "/etc/undone", "/etc/new"})
        EXPECT_EQ(node.read(path), "three") << path;
    EXPECT_FALSE(look());
    EXPECT_THAT(left(), IsEmpty());
}

constexpr int kFiles = 40;

void put_set(const TestTree& set, const std::string& contents) {
    for (int i = 0; i < kFiles; ++i)
        set.put(text("/etc/d", i % 4, "/file", i), contents);
}

/// Rounds with one set and the other in turn, until the process is killed.
[[noreturn]] void replace_forever(const TestTree& node, const TestTree& one, const TestTree& other,
                                  const std::string& state_path) {
    LinuxNodeFiles files(node.path(), state_path, [](const std::vector<std::string>&) {});
    for (;;)
        for (const TestTree* set : {&one, &other}) {
            LiveState state = files.load().value_or(LiveState());
            files.look(state);
            if (!files.apply(set->path(), state) || !files.save(state) || !state.left.empty()) ::_exit(1);
        }
}

TEST_F(LiveFiles, AreOldOrNewWhereverTheProgramIsKilled) {
    TestTree other;
    put_set(set, std::string(9000, 'a'));
    put_set(other, std::string(7000, 'b'));
    apply();
    ASSERT_TRUE(files.save(state));
    for (int times = 0; times < 60; ++times) {
        pid_t child = ::fork();
        ASSERT_GE(child, 0);
        if (child == 0) replace_forever(node, set, other, work.at("/files.json"));
        ::usleep(static_cast<useconds_t>(2000 + times * 731));
        ::kill(child, SIGKILL);
        int status = 0;
        ASSERT_EQ(::waitpid(child, &status, 0), child);
        ASSERT_TRUE(WIFSIGNALED(status)) << "a file was thought to be changed on the node";
        for (int i = 0; i < kFiles; ++i) {
            std::string found = node.read(text("/etc/d", i % 4, "/file", i));
            ASSERT_TRUE(found == std::string(9000, 'a') || found == std::string(7000, 'b')) << found.size();
        }
    }
    state = *files.load();
    apply();
    EXPECT_THAT(left(), IsEmpty());
    size_t count = 0;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(node.path()))
        if (entry.is_regular_file()) ++count;
    EXPECT_EQ(count, static_cast<size_t>(kFiles)) << "no half copy is left";
}

} // namespace
} // namespace mangrove
