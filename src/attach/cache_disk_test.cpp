#include "attach/cache_disk.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/log.h"
#include "system/fake/cache_disk.h"
#include "system/fake/system.h"

namespace mangrove {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

struct Cache : testing::Test {
    Cache() {
        set_log_sink([this](LogLevel, std::string_view line) { log.emplace_back(line); });
        system.use(disks);
        system.add_disk("/dev/vda", {});
        disks.bytes.resize(4 << 20);
        wanted.cache = {.path = "/dev/vda"};
        source.urls = {*Url::parse("http://192.0.2.1/root"), *Url::parse("http://192.0.2.2/root")};
        source.size = 1000000;
        state->mirrors[0] = {.is_known = true, .version = {'1'}};
    }
    ~Cache() override { set_log_sink({}); }

    std::shared_ptr<const lazy::DiskFile> open() {
        begun = system.now();
        return open_cache(boot, wanted, source, *state);
    }
    /// Whether the disk is taken for a cache of this file, as it is.
    bool is_kept() {
        size_t before = disks.writes;
        return open() && disks.writes == before;
    }

    Transcript transcript;
    FakeSystem system{transcript};
    FakeCacheDisks disks{transcript};
    Boot boot{system};
    definition::Http wanted;
    lazy::Source source;
    std::unique_ptr<lazy::SharedState> state = std::make_unique<lazy::SharedState>();
    Time begun;
    std::vector<std::string> log;
};

TEST_F(Cache, TakesADiskOfZeroesAndKeepsItForTheFile) {
    ASSERT_TRUE(open());
    EXPECT_TRUE(is_kept());
    EXPECT_THAT(log, IsEmpty());
    state->mirrors[0].version = {'2'};
    EXPECT_FALSE(is_kept());
    EXPECT_THAT(log, ElementsAre("cache /dev/vda: holds another file; it begins from empty"));
    EXPECT_TRUE(is_kept());
}

TEST_F(Cache, IsOfTheSameFileWhereAnotherMirrorAnswers) {
    ASSERT_TRUE(open());
    state->mirrors[0].is_known = false;
    state->mirrors[1] = {.is_known = true, .version = {'3'}};
    EXPECT_TRUE(open());
    EXPECT_THAT(log, IsEmpty());
    EXPECT_TRUE(is_kept()) << "the version there is known by now";
    state->mirrors[1].version = {'4'};
    EXPECT_FALSE(is_kept());
}

TEST_F(Cache, WithARootHashTheServersNeedNotTellVersions) {
    wanted.root_hash = "00";
    ASSERT_TRUE(open());
    state->mirrors[0].version = {'2'};
    EXPECT_TRUE(open());
    EXPECT_THAT(log, IsEmpty());
    wanted.root_hash = "01";
    EXPECT_FALSE(is_kept());
}

TEST_F(Cache, NeverOverwritesAFileSystem) {
    system.add_disk("/dev/vda", {"ext4", "data", ""});
    EXPECT_FALSE(open());
    EXPECT_THAT(log, ElementsAre("no cache: /dev/vda holds something else: ext4; erase it first (wipefs -a); "
                                 "the boot goes on without it"));
    EXPECT_EQ(disks.writes, 0U);
}

TEST_F(Cache, OverwritesOtherBytesOnlyInAPartitionOfItsName) {
    disks.bytes[5000] = 'x';
    EXPECT_FALSE(open());
    EXPECT_THAT(log[0], HasSubstr("/dev/vda: it holds something else"));
    EXPECT_EQ(disks.writes, 0U);
    system.add_disk("/dev/vdb2", {"", "", "mangrove-cache-1"}); // the fake has labels of partitions there
    wanted.cache = {.partlabel = "mangrove-cache-1"};
    EXPECT_TRUE(open());
}

TEST_F(Cache, ADiskThatIsMissingHoldsTheBootUpBriefly) {
    wanted.cache = {.path = "/dev/vdb"};
    EXPECT_FALSE(open());
    EXPECT_EQ(system.now() - begun, seconds(5));
    EXPECT_THAT(log, ElementsAre("no cache: /dev/vdb not found; the boot goes on without it"));
}

TEST_F(Cache, ADiskThatHangsHoldsTheBootUpBriefly) {
    disks.hangs = true;
    EXPECT_FALSE(open());
    EXPECT_LE(system.now() - begun, seconds(6));
    EXPECT_THAT(log, ElementsAre("no cache: /dev/vda: it does not answer; the boot goes on without it"));
}

TEST_F(Cache, WithoutTheKeyThereIsNone) {
    wanted.cache.reset();
    EXPECT_FALSE(open());
    EXPECT_THAT(transcript.lines(), IsEmpty());
}

} // namespace
} // namespace mangrove
