#include "lazy/piece_cache.h"

#include <gtest/gtest.h>

#include "lazy/readahead.h"
#include "lazy/test_memory.h"

namespace mangrove::lazy {
namespace {

TEST(PieceCache, GivesUpWhatNobodyHoldsTheOldestFirst) {
    PieceCache cache(memory_of(2), 10);
    ASSERT_TRUE(cache.want(3));
    cache.hold(3);
    EXPECT_TRUE(cache.has_room(1));
    EXPECT_FALSE(cache.has_room(2));
    ASSERT_TRUE(cache.want(4));
    cache.set_state(4, Slot::State::coming);
    EXPECT_FALSE(cache.has_room(1)) << "it is being written";
    EXPECT_FALSE(cache.want(5));
    cache.set_state(4, Slot::State::whole);
    ASSERT_TRUE(cache.want(5));
    EXPECT_EQ(cache.state_of(4), Slot::State::empty);
    EXPECT_EQ(cache.state_of(5), Slot::State::wanted);
    cache.set_state(3, Slot::State::whole);
    cache.let_go(3);
    EXPECT_TRUE(cache.has_room(2));
    ASSERT_TRUE(cache.want(6));
    EXPECT_EQ(cache.state_of(3), Slot::State::empty);
    ASSERT_TRUE(cache.want(7));
    EXPECT_EQ(cache.state_of(6), Slot::State::wanted) << "the other one is older";
}

TEST(PieceCache, KeepsWhatCameAheadUntilOthersHaveHadTheirTurn) {
    PieceCache cache(memory_of(2), 10);
    auto read = [&](uint64_t piece) {
        ASSERT_TRUE(cache.want(piece));
        cache.hold(piece);
        cache.set_state(piece, Slot::State::whole);
        cache.let_go(piece);
    };
    read(1);
    ASSERT_TRUE(cache.want(2));
    cache.set_state(2, Slot::State::whole);
    read(3);
    EXPECT_EQ(cache.state_of(2), Slot::State::whole) << "the older one went, which was read";
}

TEST(PieceCache, KeepsWhatIsWholeForTheNextProcess) {
    SharedMemory memory = memory_of(4);
    PieceCache first(memory, 10);
    for (uint64_t piece : {1U, 2U, 3U}) {
        ASSERT_TRUE(first.want(piece));
        first.set_state(piece, Slot::State::coming);
    }
    first.contents(2)[7] = 42;
    first.set_state(2, Slot::State::whole);
    PieceCache second(memory, 10);
    EXPECT_EQ(second.state_of(1), Slot::State::empty);
    EXPECT_EQ(second.state_of(2), Slot::State::whole);
    EXPECT_EQ(second.contents(2)[7], 42);
    EXPECT_TRUE(second.has_room(4));
}

TEST(Readahead, GrowsWithWhatIsReadInARow) {
    Readahead readahead;
    EXPECT_EQ(readahead.after(10, 2), 0U);
    EXPECT_EQ(readahead.after(100, 2), 0U) << "another stream";
    EXPECT_EQ(readahead.after(12, 2), 2U);
    EXPECT_EQ(readahead.after(13, 3), 3U) << "both have the piece at the border";
    EXPECT_EQ(readahead.after(15, 1), 3U) << "a smaller read of the same piece";
    EXPECT_EQ(readahead.after(102, 4), 3U);
    EXPECT_EQ(readahead.after(16, 200), 64U) << "as much as a request asks for";
    EXPECT_EQ(readahead.after(500, 1), 0U);
}

} // namespace
} // namespace mangrove::lazy
