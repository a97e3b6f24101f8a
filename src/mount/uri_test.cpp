#include <cerrno>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/log.h"
#include "mount/mount.h"
#include "system/fake/archives.h"
#include "system/fake/downloads.h"
#include "system/fake/network.h"
#include "system/fake/system.h"

namespace mangrove {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr const char* kUrl = "http://192.0.2.1/root";
constexpr const char* kFile = "/run/mangrove/layers/uri0/file";
constexpr const char* kDigest = "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

/// A machine, and a server that gives out "abc", which is an archive.
struct Machine {
    explicit Machine(Transcript& transcript)
        : system(transcript), network(system), downloads(transcript), archives(system) {
        system.use(downloads);
        system.add_directory("/run/mangrove");
        system.add_directory("/mnt");
        serve("abc");
        archives.add_archive("abc", {{"/etc/marker", "from the archive"}});
        wanted.uri = kUrl;
        wanted.size = "64M";
    }
    void serve(const std::string& body) { downloads.serve(kUrl, {.body = body}); }
    void serve_image(const std::string& path) {
        std::string image = std::string("hsqs") + std::string(2044, 'x');
        bool is_compressed = path != kFile;
        archives.add_compressed("abc", image);
        if (!is_compressed) {
            wanted.uri = "http://192.0.2.1/image";
            downloads.serve(wanted.uri, {.body = image});
        }
        system.add_image(path, {"squashfs", "", ""}, {{"/etc/marker", "from the image"}});
    }
    Result<> mount() { return mangrove::mount(boot, wanted, "/mnt", 0, undo); }
    Error error() {
        Result<> mounted = mount();
        return mounted ? Error{.what = "no error"} : mounted.error();
    }
    const std::vector<std::string>& lines() { return system.transcript().lines(); }
    void expect_nothing_left() {
        undo.run();
        EXPECT_THAT(system.mounts(), IsEmpty());
        EXPECT_THAT(system.loop_devices(), IsEmpty());
        EXPECT_EQ(system.path_kind("/run/mangrove/layers/uri0"), PathKind::missing);
    }

    FakeSystem system;
    Boot boot{system};
    FakeNetwork network;
    FakeDownloads downloads;
    FakeArchives archives;
    definition::MountUri wanted;
    Undo undo;
};

class MountUri : public testing::Test {
  protected:
    MountUri() {
        set_log_sink([this](LogLevel, std::string_view line) { log_.emplace_back(line); });
    }
    ~MountUri() override { set_log_sink({}); }

    std::vector<std::string> log_;
    Transcript transcript_;
    Machine machine_{transcript_};
};

TEST_F(MountUri, UnpacksAnArchive) {
    Result<> mounted = machine_.mount();
    ASSERT_TRUE(mounted) << describe(mounted.error());
    EXPECT_THAT(machine_.lines(),
                ElementsAre("making the directory /run/mangrove/layers",
                            "making the directory /run/mangrove/layers/uri0",
                            "mounting mangrove on /run/mangrove/layers/uri0 type tmpfs mode=0755,size=64M",
                            text("downloading ", kUrl), text("writing ", kFile), text("looking into ", kFile),
                            "making the directory /run/mangrove/layers/uri0/tree",
                            text("unpacking ", kFile, " into /run/mangrove/layers/uri0/tree"),
                            "mounting /run/mangrove/layers/uri0/tree on /mnt bind",
                            "mounting /mnt on /mnt bind remount"));
    EXPECT_EQ(machine_.system.file("/mnt/etc/marker"), "from the archive");
    EXPECT_THAT(log_, ElementsAre(text("fetching ", kUrl), text(kUrl, " is 3 bytes, ", kDigest)));
    machine_.expect_nothing_left();
}

TEST_F(MountUri, MountsAnImage) {
    machine_.serve_image(kFile);
    Result<> mounted = machine_.mount();
    ASSERT_TRUE(mounted) << describe(mounted.error());
    EXPECT_EQ(machine_.system.file("/mnt/etc/marker"), "from the image");
    EXPECT_EQ(machine_.lines().back(), "mounting /dev/loop0 on /mnt type squashfs ro");
    machine_.expect_nothing_left();
}

TEST_F(MountUri, DecompressesAnImage) {
    machine_.serve_image("/run/mangrove/layers/uri0/image");
    Result<> mounted = machine_.mount();
    ASSERT_TRUE(mounted) << describe(mounted.error());
    EXPECT_EQ(machine_.system.file("/mnt/etc/marker"), "from the image");
    EXPECT_EQ(machine_.system.path_kind(kFile), PathKind::missing);
    machine_.expect_nothing_left();
}

TEST_F(MountUri, UsesNothingWhoseDigestIsWrong) {
    machine_.wanted.digest = kDigest;
    ASSERT_TRUE(machine_.mount());
    machine_.undo.run();
    machine_.wanted.digest.back() = '0';
    size_t before = machine_.lines().size();
    Error error = machine_.error();
    EXPECT_EQ(error.what,
              text(kUrl, ": digest mismatch: expected ", machine_.wanted.digest, ", found ", kDigest));
    EXPECT_FALSE(error.is_transient());
    EXPECT_EQ(machine_.lines().size() - before, 5u)
        << "nothing after it was written: " << machine_.lines().back();
    machine_.expect_nothing_left();
}

TEST_F(MountUri, SaysWhichSizeIsTooSmall) {
    machine_.archives.is_full = true;
    Error error = machine_.error();
    EXPECT_EQ(error.what, text(kUrl, " does not fit into the 64M of memory that 'size' allows: unpacking ",
                               kFile, ": No space left on device"));
    EXPECT_FALSE(error.is_transient());
    machine_.expect_nothing_left();
}

TEST_F(MountUri, RefusesWhatItCannotUse) {
    machine_.wanted.uri = "http://192.0.2.1/other";
    machine_.downloads.serve(machine_.wanted.uri, {.body = "other"});
    EXPECT_THAT(machine_.error().what, HasSubstr("unrecognized archive format"));
    machine_.undo.run();
    machine_.wanted.uri = "http://192.0.2.1/empty";
    machine_.downloads.serve(machine_.wanted.uri, {});
    EXPECT_EQ(machine_.error().what, "http://192.0.2.1/empty: the file is empty");
    machine_.undo.run();
    machine_.wanted.uri = "http://192.0.2.1/missing";
    EXPECT_EQ(machine_.error().what, "http://192.0.2.1/missing: the server answered 404 (not found)");
    machine_.undo.run();
    machine_.wanted.uri = "http://me:secret@192.0.2.1/missing";
    EXPECT_EQ(machine_.error().what, "http://192.0.2.1/missing: the server answered 404 (not found)");
}

TEST_F(MountUri, LeavesNothingBehindWhereverItFails) {
    machine_.serve_image("/run/mangrove/layers/uri0/image");
    ASSERT_TRUE(machine_.mount());
    const std::vector<std::string> steps = machine_.lines();
    for (size_t step = 0; step < steps.size(); ++step) {
        Transcript transcript;
        transcript.fail_at(step);
        Machine machine(transcript);
        machine.serve_image("/run/mangrove/layers/uri0/image");
        Result<> mounted = machine.mount();
        ASSERT_FALSE(mounted) << steps[step];
        EXPECT_THAT(describe(mounted.error()),
                    HasSubstr(steps[step].substr(0, steps[step].find(" type ")).substr(0, 40)));
        machine.expect_nothing_left();
    }
}

} // namespace
} // namespace mangrove
