#pragma once

#include <cstdint>
#include <optional>
#include <vector>

namespace mangrove::verity {

/// As many as a file can have.
inline constexpr uint64_t kMostBlocks = uint64_t{1} << 51;

/// A level of a hash tree: hash blocks that follow each other, counted from the beginning of the tree.
struct Level {
    uint64_t first = 0;
    uint64_t count = 0;

    bool operator==(const Level&) const = default;
};

/// Returns the levels of the tree of so many data blocks, the lowest first. The uppermost, which is one
/// block, lies first on the device. One data block has none.
std::vector<Level> levels_of(uint64_t data_blocks);

uint64_t tree_blocks(uint64_t data_blocks);

/// Returns how many data blocks there are in an image of so many blocks: data, a superblock and the tree, and
/// nothing else. Nothing where no image has that size.
std::optional<uint64_t> data_blocks_in(uint64_t image_blocks);

} // namespace mangrove::verity
