#include "lazy/prefetch.h"

#include <gtest/gtest.h>
#include <numeric>

#include "lazy/test_memory.h"

namespace mangrove::lazy {
namespace {

constexpr size_t kSlots = 64;
constexpr uint64_t kPieces = 1000;

struct PrefetchTest : testing::Test {
    std::optional<uint64_t> next(Prefetch& prefetch, Time now = {}) {
        std::optional<uint64_t> first = prefetch.want_next(cache, now);
        for (uint64_t piece = first.value_or(kPieces); piece < kPieces; ++piece)
            if (cache.state_of(piece) == Slot::State::wanted) cache.set_state(piece, Slot::State::whole);
        return first;
    }

    void read(uint64_t piece) {
        cache.hold(piece);
        cache.let_go(piece);
    }

    SharedMemory memory = memory_of(kSlots);
    PieceCache cache{memory, kPieces};
    std::vector<uint64_t> pieces = std::vector<uint64_t>(100);
    PrefetchTest() { std::iota(pieces.begin(), pieces.end(), 200); }
};

TEST_F(PrefetchTest, WaitsUntilWhatItHasIsRead) {
    Prefetch prefetch(pieces, memory.state(), {});
    EXPECT_EQ(next(prefetch), 200U);
    EXPECT_EQ(next(prefetch), 208U);
    EXPECT_EQ(next(prefetch), 216U);
    EXPECT_EQ(next(prefetch), 224U);
    EXPECT_EQ(next(prefetch), std::nullopt) << "half of the cache waits to be read";
    for (uint64_t piece = 200; piece < 207; ++piece)
        read(piece);
    EXPECT_EQ(next(prefetch), std::nullopt);
    read(206);
    EXPECT_EQ(next(prefetch), std::nullopt) << "read twice is read once";
    read(207);
    EXPECT_EQ(next(prefetch), 232U);
}

TEST_F(PrefetchTest, PassesOverWhatWasReadOrIsThere) {
    cache.want(200);
    Prefetch prefetch(pieces, memory.state(), {});
    prefetch.was_read(201);
    prefetch.was_read(205);
    EXPECT_EQ(next(prefetch), 202U);
    EXPECT_EQ(next(prefetch), 206U);
    EXPECT_EQ(cache.state_of(201), Slot::State::empty);
    EXPECT_EQ(cache.state_of(205), Slot::State::empty);
}

TEST_F(PrefetchTest, EndsAfterAMinute) {
    Prefetch prefetch(pieces, memory.state(), {});
    EXPECT_EQ(next(prefetch, Time(seconds(60))), std::nullopt);
    EXPECT_EQ(next(prefetch, Time(seconds(59))), 200U);
}

TEST_F(PrefetchTest, GoesOnWhereAnEarlierProcessWas) {
    Prefetch before(pieces, memory.state(), {});
    for (unsigned times = 0; times < 4; ++times)
        next(before);
    cache = PieceCache(memory, kPieces);
    Prefetch prefetch(pieces, memory.state(), {});
    EXPECT_EQ(next(prefetch), std::nullopt) << "half of the cache still waits to be read";
    for (uint64_t piece = 200; piece < 208; ++piece)
        read(piece);
    EXPECT_EQ(next(prefetch), 232U);
}

TEST_F(PrefetchTest, HasNothingToDoWithoutPieces) {
    pieces.clear();
    Prefetch prefetch(pieces, memory.state(), {});
    prefetch.was_read(3);
    EXPECT_EQ(next(prefetch), std::nullopt);
}

} // namespace
} // namespace mangrove::lazy
