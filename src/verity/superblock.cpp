#include "verity/superblock.h"

#include <algorithm>
#include <string>

#include "verity/hash_tree.h"

namespace mangrove::verity {

namespace {

// struct verity_sb of lib/verity/verity.c in cryptsetup; little-endian.
constexpr std::string_view kSignature("verity\0\0", 8);
constexpr std::string_view kAlgorithm = "sha256";
constexpr size_t kVersion = 8;
constexpr size_t kHashType = 12;
constexpr size_t kUuid = 16;
constexpr size_t kAlgorithmName = 32;
constexpr size_t kAlgorithmSize = 32;
constexpr size_t kDataBlockSize = 64;
constexpr size_t kHashBlockSize = 68;
constexpr size_t kDataBlocks = 72;
constexpr size_t kSaltSize = 80;
constexpr size_t kSalt = 88;
constexpr size_t kLargestSalt = 256;
constexpr size_t kSize = 512;

uint64_t load(ByteView bytes, size_t at, size_t size) {
    uint64_t number = 0;
    for (size_t i = size; i-- > 0;)
        number = number << 8 | bytes[at + i];
    return number;
}

void store(Bytes& bytes, size_t at, size_t size, uint64_t number) {
    for (size_t i = 0; i < size; ++i)
        bytes[at + i] = static_cast<uint8_t>(number >> 8 * i);
}

/// Up to the first NUL; what is no letter or digit becomes a '?'.
std::string name_at(ByteView bytes, size_t at, size_t size) {
    std::string name;
    for (size_t i = 0; i < size && bytes[at + i] != 0; ++i) {
        char letter = static_cast<char>(bytes[at + i]);
        bool is_plain = (letter >= 'a' && letter <= 'z') || (letter >= '0' && letter <= '9') || letter == '-';
        name += is_plain ? letter : '?';
    }
    return name;
}

} // namespace

Bytes encode(const Superblock& superblock) {
    Bytes bytes(kBlock);
    std::ranges::copy(kSignature, bytes.begin());
    store(bytes, kVersion, 4, 1);
    store(bytes, kHashType, 4, 1);
    std::ranges::copy(superblock.uuid, bytes.begin() + kUuid);
    std::ranges::copy(kAlgorithm, bytes.begin() + kAlgorithmName);
    store(bytes, kDataBlockSize, 4, kBlock);
    store(bytes, kHashBlockSize, 4, kBlock);
    store(bytes, kDataBlocks, 8, superblock.data_blocks);
    store(bytes, kSaltSize, 2, superblock.salt.size());
    std::ranges::copy(superblock.salt, bytes.begin() + kSalt);
    return bytes;
}

Result<Superblock> parse(ByteView bytes) {
    if (bytes.size() < kSize || !std::ranges::equal(bytes.first(kSignature.size()), as_bytes(kSignature)))
        return permanent_error(
            "there is no verity superblock; build the image with a hash tree and publish it whole, "
            "or correct 'hash_offset'");
    if (uint64_t version = load(bytes, kVersion, 4); version != 1)
        return permanent_error("the verity superblock has version ", version, "; only version 1 is known");
    if (uint64_t type = load(bytes, kHashType, 4); type != 1)
        return permanent_error("the hash tree is of type ", type,
                               "; make it with veritysetup format --format=1");
    if (std::string name = name_at(bytes, kAlgorithmName, kAlgorithmSize); name != kAlgorithm)
        return permanent_error("the hash tree is made with '", name,
                               "'; make it with veritysetup format --hash=sha256");
    for (size_t at : {kDataBlockSize, kHashBlockSize})
        if (uint64_t size = load(bytes, at, 4); size != kBlock)
            return permanent_error("the ", at == kDataBlockSize ? "data" : "hash", " blocks have ", size,
                                   " bytes; make the hash tree with veritysetup format "
                                   "--data-block-size=4096 --hash-block-size=4096");
    Superblock superblock;
    std::ranges::copy(bytes.subspan(kUuid, superblock.uuid.size()), superblock.uuid.begin());
    superblock.data_blocks = load(bytes, kDataBlocks, 8);
    if (superblock.data_blocks == 0 || superblock.data_blocks > kMostBlocks)
        return permanent_error("the verity superblock is damaged: it covers ", superblock.data_blocks,
                               " blocks");
    size_t salt_size = load(bytes, kSaltSize, 2);
    if (salt_size > kLargestSalt)
        return permanent_error("the verity superblock is damaged: its salt has ", salt_size, " bytes");
    ByteView salt = bytes.subspan(kSalt, salt_size);
    superblock.salt.assign(salt.begin(), salt.end());
    return superblock;
}

} // namespace mangrove::verity
