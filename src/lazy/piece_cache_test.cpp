#include "lazy/piece_cache.h"

#include <gtest/gtest.h>

#include "lazy/readahead.h"

namespace mangrove::lazy {
namespace {

SharedMemory memory_of(size_t slots) {
    return {std::shared_ptr<uint8_t>(new uint8_t[SharedMemory::size_for(slots)](),
                                     std::default_delete<uint8_t[]>()),
            slots};
}

TEST(PieceCache, GivesUpWhatNobodyHoldsOrHasReadLately) {
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
    EXPECT_EQ(cache.state_of(3), Slot::State::whole) << "it was read lately";
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

TEST(Readahead, DoublesWhileReadsAreSequential) {
    Readahead readahead;
    EXPECT_EQ(readahead.after(10, 2), 0U);
    EXPECT_EQ(readahead.after(100, 2), 0U) << "another stream";
    EXPECT_EQ(readahead.after(12, 2), 4U);
    EXPECT_EQ(readahead.after(13, 3), 8U) << "both have the piece at the border";
    EXPECT_EQ(readahead.after(15, 1), 8U) << "a smaller read of the same piece";
    EXPECT_EQ(readahead.after(102, 2), 4U);
    for (uint64_t at = 16; at < 32; at += 2)
        EXPECT_LE(readahead.after(at, 2), 64U);
    EXPECT_EQ(readahead.after(500, 1), 0U);
}

} // namespace
} // namespace mangrove::lazy
