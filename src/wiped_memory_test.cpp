#include "wiped_memory.h"

#include <cJSON.h>
#include <cstdint>
#include <cstring>
#include <gtest/gtest.h>
#include <optional>
#include <string>

namespace mangrove {
namespace {

constexpr size_t kSize = 600; ///< of a block that the next one of its size gets again
constexpr size_t kLinks = 32; ///< what the allocator itself writes at the begin of a free block

/// Whether a new block is the one at `freed` and has nothing in it; nothing when it is another one.
std::optional<bool> is_wiped(uintptr_t freed) {
    char* again = static_cast<char*>(::operator new(kSize));
    std::optional<bool> wiped;
    if (reinterpret_cast<uintptr_t>(again) == freed)
        wiped = std::string(again + kLinks, kSize - kLinks) == std::string(kSize - kLinks, '\0');
    ::operator delete(again);
    return wiped;
}

TEST(WipedMemory, HoldsNothingOfWhatWasInIt) {
    char* first = static_cast<char*>(::operator new(kSize));
    auto address = reinterpret_cast<uintptr_t>(first);
    std::memset(first, 's', kSize);
    ::operator delete(first);
    std::optional<bool> wiped = is_wiped(address);
    if (!wiped) GTEST_SKIP() << "this allocator does not give the block out again at once";
    EXPECT_TRUE(*wiped);
}

TEST(WipedMemory, IsThatOfJsonToo) {
    wipe_freed_json();
    char* first = static_cast<char*>(cJSON_malloc(kSize));
    auto address = reinterpret_cast<uintptr_t>(first);
    std::memset(first, 's', kSize);
    cJSON_free(first);
    std::optional<bool> wiped = is_wiped(address);
    if (!wiped) GTEST_SKIP() << "this allocator does not give the block out again at once";
    EXPECT_TRUE(*wiped);
}

} // namespace
} // namespace mangrove
