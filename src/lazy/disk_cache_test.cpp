#include "lazy/disk_cache.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/log.h"
#include "system/fake/cache_disk.h"
#include "system/fake/system.h"

namespace mangrove::lazy {
namespace {

using testing::Each;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr uint64_t kPieces = 300;
constexpr const char* kDevice = "/dev/vda";

Bytes piece(uint64_t number) {
    return Bytes(kPieceSize, static_cast<uint8_t>(number * 7 + 1));
}

/// A machine that boots again and again with one disk.
struct DiskCacheTest : testing::Test {
    DiskCacheTest() {
        set_log_sink([this](LogLevel, std::string_view line) { log.emplace_back(line); });
        system.use(disks);
        disks.bytes.resize(8 << 20);
        boot();
    }
    ~DiskCacheTest() override { set_log_sink({}); }

    Result<> open(bool may_hold_anything = false) {
        disk.reset();
        file.reset();
        file = TRY(open_disk_cache(system, kDevice, *disks.open(kDevice), identity, may_hold_anything,
                                   system.now() + seconds(5)));
        return {};
    }
    void boot() {
        Result<> opened = open();
        ASSERT_TRUE(opened) << describe(opened.error());
        memory.emplace(std::shared_ptr<uint8_t>(new uint8_t[SharedMemory::size_for(64)](),
                                                std::default_delete<uint8_t[]>()),
                       64);
        serve();
    }
    /// Another process takes over.
    void serve() {
        cache.emplace(*memory, kPieces);
        disk.emplace(system, &*file, *cache, kPieces);
    }
    void work() {
        for (int step = 0; step < 100; ++step) {
            disk->work();
            system.advance(milliseconds(100));
        }
    }
    /// From a server.
    void receive(uint64_t number) {
        ASSERT_TRUE(cache->want(number));
        std::ranges::copy(piece(number), cache->contents(number));
        cache->set_state(number, Slot::State::whole);
        disk->store(number);
    }
    void receive_all(std::initializer_list<uint64_t> numbers) {
        for (uint64_t number : numbers)
            receive(number);
        work();
    }
    /// Whether a piece comes from the disk, and is the right one.
    bool reads(uint64_t number) {
        if (!disk->has(number) || !cache->want(number) || !disk->read(number)) return false;
        disk->work();
        if (cache->state_of(number) != Slot::State::whole) return false;
        EXPECT_TRUE(std::ranges::equal(piece(number), ByteView(cache->contents(number), kPieceSize)));
        return true;
    }
    size_t place_on_disk(uint64_t place) { return file->memory.layout().place_at(place); }

    Transcript transcript;
    FakeSystem system{transcript};
    FakeCacheDisks disks{transcript};
    DiskIdentity identity = {.size = kPieces * kPieceSize, .beginning = {1}};
    std::optional<DiskFile> file;
    std::optional<SharedMemory> memory;
    std::optional<PieceCache> cache;
    std::optional<DiskCache> disk;
    std::vector<std::string> log;
};

TEST_F(DiskCacheTest, KeepsPiecesOverABoot) {
    EXPECT_FALSE(disk->has(5));
    receive_all({5, 9, 6, 299});
    EXPECT_EQ(disk->held(), 4U);
    boot();
    EXPECT_EQ(disk->held(), 4U);
    for (uint64_t number : {5U, 6U, 9U, 299U})
        EXPECT_TRUE(reads(number)) << number;
    EXPECT_FALSE(disk->has(7));
    EXPECT_EQ(file->memory.state().hits, 4U);
    EXPECT_EQ(file->memory.state().wrong, 0U);
    EXPECT_THAT(log, IsEmpty());
}

TEST_F(DiskCacheTest, ReadsNeighboursAtOnce) {
    receive_all({10, 11, 12, 20});
    boot();
    for (uint64_t number : {10U, 11U, 20U})
        ASSERT_TRUE(cache->want(number));
    size_t before = disks.reads;
    ASSERT_TRUE(disk->read(10));
    EXPECT_FALSE(disk->read(20)) << "one after the other";
    disk->work();
    EXPECT_EQ(cache->state_of(10), Slot::State::whole);
    EXPECT_EQ(cache->state_of(11), Slot::State::whole);
    EXPECT_EQ(cache->state_of(12), Slot::State::empty) << "nobody wants it";
    EXPECT_EQ(disks.reads, before + 1);
}

TEST_F(DiskCacheTest, AnotherProcessStoresWhatTheLastOneCouldNot) {
    receive(5);
    serve();
    work();
    boot();
    EXPECT_TRUE(reads(5));
}

TEST_F(DiskCacheTest, APieceThatIsCorruptIsAskedOfTheServer) {
    receive_all({5, 6, 7});
    disks.bytes[place_on_disk(1) + 100] ^= 1;
    boot();
    EXPECT_TRUE(reads(5));
    EXPECT_FALSE(reads(6));
    EXPECT_EQ(cache->state_of(6), Slot::State::empty);
    EXPECT_FALSE(disk->has(6));
    EXPECT_TRUE(reads(7));
    EXPECT_EQ(file->memory.state().wrong, 1U);
    EXPECT_THAT(log, ElementsAre("cache /dev/vda: a piece is corrupt; the server is asked for it again"));
    receive_all({6});
    boot();
    EXPECT_TRUE(reads(6));
    EXPECT_EQ(file->memory.state().wrong, 0U);
}

TEST_F(DiskCacheTest, AnotherFileBeginsFromEmpty) {
    receive_all({5});
    identity.beginning = {2};
    boot();
    EXPECT_FALSE(disk->has(5));
    EXPECT_THAT(log, ElementsAre("cache /dev/vda: holds another file; it begins from empty"));
    identity.beginning = {1};
    boot();
    EXPECT_FALSE(disk->has(5)) << "what is left of the first one counts no more";
}

TEST_F(DiskCacheTest, ATruncatedOrDamagedCacheBeginsFromEmpty) {
    receive_all({5});
    std::string whole = disks.bytes;
    disks.bytes.resize(1 << 20);
    boot();
    EXPECT_EQ(disk->held(), 0U);
    disks.bytes = whole;
    disks.bytes[70] ^= 1;
    boot();
    EXPECT_EQ(disk->held(), 0U);
    EXPECT_EQ(log.back(), "cache /dev/vda: is damaged; it begins from empty");
}

TEST_F(DiskCacheTest, ATableThatWasHalfWrittenGivesNoWrongPiece) {
    receive_all({5, 6, 7});
    for (size_t at = 0; at < 64; ++at)
        disks.bytes[kDiskBlock + 16 + at] = static_cast<char>(at * 13);
    boot();
    for (uint64_t number = 0; number < kPieces; ++number)
        if (disk->has(number)) EXPECT_FALSE(reads(number)) << number;
}

TEST_F(DiskCacheTest, SomethingElseIsNotOverwritten) {
    disks.bytes.assign(8 << 20, '\0');
    disks.bytes[1000000] = 'x';
    std::string before = disks.bytes;
    Result<> opened = open();
    ASSERT_FALSE(opened);
    EXPECT_EQ(opened.error().what, "it holds something else");
    EXPECT_EQ(disks.bytes, before);
    EXPECT_TRUE(open(true));
}

TEST_F(DiskCacheTest, ADiskThatIsSmallFillsUp) {
    disks.bytes.assign(10 * kPieceSize, '\0');
    boot();
    uint64_t places = file->memory.layout().places;
    EXPECT_EQ(places, 9U);
    for (uint64_t number = 0; number < 20; ++number)
        receive(number);
    work();
    EXPECT_EQ(disk->held(), places);
    EXPECT_TRUE(disk->is_full());
    EXPECT_FALSE(disk->is_storing());
    boot();
    EXPECT_TRUE(reads(0));
    EXPECT_FALSE(disk->has(19));
}

TEST_F(DiskCacheTest, ADiskThatFailsIsNotUsedAnyMore) {
    receive_all({5});
    boot();
    disks.problem = EIO;
    EXPECT_FALSE(reads(5));
    EXPECT_FALSE(disk->is_used());
    EXPECT_EQ(cache->state_of(5), Slot::State::empty);
    EXPECT_THAT(log, ElementsAre(HasSubstr("cache /dev/vda: asking the disk: ")));
    disks.problem = 0;
    serve();
    EXPECT_FALSE(disk->is_used()) << "not by the next process either";
    ServedState told;
    disk->tell(told);
    EXPECT_EQ(told.cache, kDevice);
    EXPECT_THAT(told.cache_failure, HasSubstr("asking the disk"));
}

TEST_F(DiskCacheTest, ADiskThatHangsHoldsNothingUp) {
    receive_all({5});
    boot();
    disks.hangs = true;
    ASSERT_TRUE(cache->want(5));
    cache->hold(5);
    ASSERT_TRUE(disk->read(5));
    Time begin = system.now();
    EXPECT_LE(disk->deadline() - begin, seconds(4));
    work();
    EXPECT_FALSE(disk->is_used());
    EXPECT_EQ(cache->state_of(5), Slot::State::wanted) << "of the servers";
    EXPECT_THAT(log, ElementsAre(HasSubstr("it did not answer for 4 s; the node goes on without it")));
    EXPECT_EQ(open().error().what, "it does not answer");
}

} // namespace
} // namespace mangrove::lazy
