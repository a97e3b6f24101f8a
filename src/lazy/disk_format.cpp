#include "lazy/disk_format.h"

#include <algorithm>
#include <bit>
#include <sodium/crypto_generichash_blake2b.h>

namespace mangrove::lazy {

namespace {

static_assert(std::endian::native == std::endian::little);

constexpr std::string_view kMagic = "mangrove cache\r\n";
constexpr uint32_t kVersion = 1;

/// A header as it is on the disk.
struct Written {
    std::array<char, kMagic.size()> magic = {};
    uint32_t version = 0;
    uint32_t piece_size = 0;
    uint64_t places = 0;
    uint64_t size = 0;
    Salt salt = {};
    Digest beginning = {};
    Digest content = {};
    std::array<DiskVersion, kMostMirrors> versions = {};
    std::array<uint8_t, 3688> rest = {};
    Digest digest = {}; ///< of all that is before it
};
static_assert(sizeof(Written) == kDiskBlock);

Digest digest_in(const Written& written) {
    constexpr size_t kCovered = kDiskBlock - sizeof(Digest);
    return digest_of(ByteView(reinterpret_cast<const uint8_t*>(&written), kCovered));
}

const DiskVersion* find(const DiskIdentity& identity, const Salt& url) {
    const auto* found = std::ranges::find(identity.versions, url, &DiskVersion::url);
    return found == identity.versions.end() || url == Salt{} ? nullptr : found;
}

} // namespace

Digest digest_of(ByteView bytes) {
    Digest digest;
    ::crypto_generichash_blake2b(digest.data(), digest.size(), bytes.data(), bytes.size(), nullptr, 0);
    return digest;
}

bool DiskIdentity::is_same(const DiskIdentity& other) const {
    if (size != other.size || beginning != other.beginning || content != other.content) return false;
    // A digest that vouches for each byte makes the servers' words needless.
    if (content != Digest{}) return true;
    return std::ranges::all_of(versions, [&](const DiskVersion& known) {
        const DiskVersion* now = find(other, known.url);
        return !now || now->version == known.version;
    });
}

void DiskIdentity::learn(const DiskIdentity& other) {
    for (const DiskVersion& known : other.versions)
        if (known.url != Salt{} && !find(*this, known.url))
            if (auto* place = std::ranges::find(versions, Salt{}, &DiskVersion::url); place != versions.end())
                *place = known;
}

std::array<uint8_t, kDiskBlock> encode(const DiskHeader& header) {
    Written written = {.version = kVersion,
                       .piece_size = kPieceSize,
                       .places = header.places,
                       .size = header.identity.size,
                       .salt = header.salt,
                       .beginning = header.identity.beginning,
                       .content = header.identity.content,
                       .versions = header.identity.versions};
    std::ranges::copy(kMagic, written.magic.begin());
    written.digest = digest_in(written);
    return std::bit_cast<std::array<uint8_t, kDiskBlock>>(written);
}

bool is_cache(ByteView block) {
    return block.size() >= kMagic.size() && std::ranges::equal(block.first(kMagic.size()), as_bytes(kMagic));
}

std::optional<DiskHeader> decode(ByteView block) {
    if (block.size() != kDiskBlock || !is_cache(block)) return std::nullopt;
    Written written;
    std::memcpy(&written, block.data(), sizeof written);
    bool is_ours = written.version == kVersion && written.piece_size == kPieceSize;
    if (!is_ours || written.digest != digest_in(written)) return std::nullopt;
    return DiskHeader{.salt = written.salt,
                      .places = written.places,
                      .identity = {.size = written.size,
                                   .beginning = written.beginning,
                                   .content = written.content,
                                   .versions = written.versions}};
}

DiskEntry entry_of(const Salt& salt, uint64_t piece, ByteView contents) {
    crypto_generichash_blake2b_state state;
    std::array<uint8_t, 16> digest; // the shortest that there is
    ::crypto_generichash_blake2b_init(&state, salt.data(), salt.size(), digest.size());
    ::crypto_generichash_blake2b_update(&state, reinterpret_cast<const uint8_t*>(&piece), sizeof piece);
    ::crypto_generichash_blake2b_update(&state, contents.data(), contents.size());
    ::crypto_generichash_blake2b_final(&state, digest.data(), digest.size());
    DiskEntry entry = {.piece = static_cast<uint32_t>(piece + 1)};
    std::copy_n(digest.begin(), entry.digest.size(), entry.digest.begin());
    return entry;
}

DiskLayout DiskLayout::of(uint64_t disk_size, uint64_t pieces) {
    DiskLayout layout = {.places = std::min({pieces, disk_size / kPieceSize, uint64_t{UINT32_MAX - 1}})};
    while (layout.places > 0 && layout.place_at(layout.places) > disk_size)
        --layout.places;
    return layout;
}

} // namespace mangrove::lazy
