#include "verity/hash_tree.h"

#include <algorithm>
#include <ranges>

namespace mangrove::verity {

std::vector<Level> levels_of(uint64_t data_blocks) {
    constexpr uint64_t kHashesInBlock = 4096 / 32;
    std::vector<Level> levels;
    while (data_blocks > 1) {
        data_blocks = (data_blocks + kHashesInBlock - 1) / kHashesInBlock;
        levels.push_back({.count = data_blocks});
    }
    uint64_t place = 0;
    for (Level& level : std::views::reverse(levels)) {
        level.first = place;
        place += level.count;
    }
    return levels;
}

uint64_t tree_blocks(uint64_t data_blocks) {
    std::vector<Level> levels = levels_of(data_blocks);
    return levels.empty() ? 0 : levels.front().first + levels.front().count;
}

std::optional<uint64_t> data_blocks_in(uint64_t image_blocks) {
    auto image_of = [](uint64_t data_blocks) { return data_blocks + 1 + tree_blocks(data_blocks); };
    auto candidates = std::views::iota(uint64_t{1}, std::clamp(image_blocks, uint64_t{1}, kMostBlocks + 1));
    auto found = std::ranges::lower_bound(candidates, image_blocks, {}, image_of);
    if (found == candidates.end() || image_of(*found) != image_blocks) return std::nullopt;
    return *found;
}

} // namespace mangrove::verity
