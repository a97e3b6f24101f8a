#pragma once

#include <array>
#include <cstdint>
#include <cstring>
#include <optional>

#include "base/text.h"
#include "lazy/shared.h"

// The format of a cache on a disk, little-endian: a header, a table with a digest of each piece, and the
// pieces. A piece counts only where its digest holds. The digest covers the number of the piece and is keyed
// with the salt of the header, which each file gets when it takes the disk over, so that nothing of an
// earlier file, of another place, or half written ever counts.

namespace mangrove::lazy {

inline constexpr size_t kDiskBlock = 4096;
using Digest = std::array<uint8_t, 32>;
using Salt = std::array<uint8_t, 16>;

/// BLAKE2b.
Digest digest_of(ByteView bytes);

/// The version of the file that a URL had; without a digest: none.
struct DiskVersion {
    Salt url = {}; ///< the beginning of its digest
    Salt version = {};
    bool operator==(const DiskVersion&) const = default;
};

/// Tells a file from others.
struct DiskIdentity {
    uint64_t size = 0;
    Digest beginning = {}; ///< of the first piece
    Digest content = {};   ///< of the whole file, or the root hash of its hash tree; zero: not known
    std::array<DiskVersion, kMostMirrors> versions = {};

    /// Whether it is the same file, as far as servers tell: no URL has another version of it.
    bool is_same(const DiskIdentity& other) const;
    /// Adds the versions of URLs that are known to the other alone.
    void learn(const DiskIdentity& other);
};

struct DiskHeader {
    Salt salt = {};
    uint64_t places = 0; ///< for pieces
    DiskIdentity identity = {};
};

std::array<uint8_t, kDiskBlock> encode(const DiskHeader& header);
/// Nothing where it is no header, or not a whole one.
std::optional<DiskHeader> decode(ByteView block);
/// Whether a disk that begins so is a cache, or was one.
bool is_cache(ByteView block);

struct DiskEntry {
    uint32_t piece = 0; ///< one more than it; 0: none
    std::array<uint8_t, 12> digest = {};
};
/// A block of the table. One with another salt is empty.
struct DiskTableBlock {
    Salt salt = {};
    std::array<DiskEntry, 255> entries = {};
};
static_assert(sizeof(DiskTableBlock) == kDiskBlock);

DiskEntry entry_of(const Salt& salt, uint64_t piece, ByteView contents);

/// Where everything is.
struct DiskLayout {
    uint64_t places = 0;

    /// As many places as a disk has room for, and a file has pieces.
    static DiskLayout of(uint64_t disk_size, uint64_t pieces);
    uint64_t blocks() const { return (places + 254) / 255; } ///< of the table
    static uint64_t block_at(uint64_t block) { return kDiskBlock * (1 + block); }
    uint64_t place_at(uint64_t place) const {
        return (block_at(blocks()) + kPieceSize - 1) / kPieceSize * kPieceSize + place * kPieceSize;
    }
};

} // namespace mangrove::lazy
