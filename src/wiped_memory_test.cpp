// Without GoogleTest, which musl's sysroot lacks: it runs with the host's allocator and with the one of the
// release.

#include "wiped_memory.h"

#include <algorithm>
#include <cJSON.h>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <string_view>
#include <vector>

namespace mangrove {
namespace {

constexpr size_t kSize = 600;
constexpr size_t kBlocks =
    16; ///< musl unmaps a group of blocks of which none is in use, so every other one stays
constexpr size_t kLooks = 1000; ///< musl gives a block out again when others have been used up

/// Returns a problem, or nothing, with the blocks at `freed`, which were full of letters.
const char* look_at(const std::vector<uintptr_t>& freed) {
    std::vector<char*> blocks;
    size_t again = 0;
    bool is_wiped = true;
    for (size_t look = 0; look < kLooks; ++look) {
        char* block = static_cast<char*>(::operator new(kSize));
        blocks.push_back(block);
        // musl moves blocks a little inside their slots, and each allocator writes links of its own.
        again += std::ranges::any_of(freed, [&](uintptr_t other) {
            return reinterpret_cast<uintptr_t>(block) - other + kSize / 2 < kSize;
        });
        is_wiped &= std::string_view(block, kSize).find("ssss") == std::string_view::npos;
    }
    for (char* block : blocks)
        ::operator delete(block);
    if (again == 0) return "the allocator did not give a block out again";
    return is_wiped ? nullptr : "a block still holds what was in it";
}

bool check(const char* name, void* (*allocate)(size_t), void (*give_back)(void*)) {
    std::vector<void*> blocks;
    for (size_t block = 0; block < kBlocks; ++block)
        blocks.push_back(std::memset(allocate(kSize), 's', kSize));
    std::vector<uintptr_t> freed;
    for (size_t block = 0; block < kBlocks; block += 2) {
        freed.push_back(reinterpret_cast<uintptr_t>(blocks[block]));
        give_back(blocks[block]);
    }
    const char* problem = look_at(freed);
    for (size_t block = 1; block < kBlocks; block += 2)
        give_back(blocks[block]);
    std::printf("%s: %s\n", name, problem ? problem : "wiped");
    return !problem;
}

} // namespace
} // namespace mangrove

int main() {
    mangrove::wipe_freed_json();
    bool is_good = mangrove::check("operator delete", ::operator new, ::operator delete);
    is_good &= mangrove::check("cJSON_free", cJSON_malloc, cJSON_free);
    return is_good ? 0 : 1;
}
