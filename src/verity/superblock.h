#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "base/result.h"
#include "base/text.h"

namespace mangrove::verity {

/// The only size of data and hash blocks: veritysetup's default, and a page.
inline constexpr uint64_t kBlock = 4096;

/// The block in front of a hash tree, in which veritysetup(8) says what the tree covers; of its version 1
/// with SHA-256.
struct Superblock {
    std::array<uint8_t, 16> uuid = {};
    uint64_t data_blocks = 0;
    Bytes salt = {}; ///< at most 256
};

Bytes encode(const Superblock& superblock);

/// Reads a superblock. An error says what the kernel's dm-verity or Mangrove cannot do with it.
Result<Superblock> parse(ByteView bytes);

} // namespace mangrove::verity
