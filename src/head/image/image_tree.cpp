#include "head/image/image_tree.h"

#include <algorithm>
#include <cerrno>
#include <fcntl.h>
#include <openssl/evp.h>
#include <unistd.h>

#include "head/host/files.h"
#include "verity/hash_tree.h"
#include "verity/superblock.h"

namespace mangrove::head {

namespace {

constexpr size_t kBlock = verity::kBlock;
constexpr size_t kDigest = 32;

/// SHA-256 of the salt and a block.
class BlockHash {
  public:
    explicit BlockHash(const Bytes& salt) : salted_(EVP_MD_CTX_new()), work_(EVP_MD_CTX_new()) {
        EVP_DigestInit_ex(salted_.get(), EVP_sha256(), nullptr);
        EVP_DigestUpdate(salted_.get(), salt.data(), salt.size());
    }
    void hash(const uint8_t* block, uint8_t* digest) {
        EVP_MD_CTX_copy_ex(work_.get(), salted_.get());
        EVP_DigestUpdate(work_.get(), block, kBlock);
        EVP_DigestFinal_ex(work_.get(), digest, nullptr);
    }

  private:
    struct Free {
        void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
    };
    std::unique_ptr<EVP_MD_CTX, Free> salted_;
    std::unique_ptr<EVP_MD_CTX, Free> work_;
};

/// The file of an image, of which the tree is made and to which it is written.
class File {
  public:
    explicit File(UniqueFd fd, std::string name) : fd_(std::move(fd)), name_(std::move(name)) {}

    Result<> read(uint64_t block, std::span<uint8_t> bytes) {
        for (size_t done = 0; done < bytes.size();) {
            ssize_t count = ::pread(fd_.get(), &bytes[done], bytes.size() - done,
                                    static_cast<off_t>(block * kBlock + done));
            if (count <= 0) return system_error(count < 0 ? errno : EIO, "reading ", name_);
            done += static_cast<size_t>(count);
        }
        return {};
    }
    Result<> write(uint64_t block, ByteView bytes) {
        for (size_t done = 0; done < bytes.size();) {
            ssize_t count = ::pwrite(fd_.get(), &bytes[done], bytes.size() - done,
                                     static_cast<off_t>(block * kBlock + done));
            if (count < 0) return system_error(errno, "writing ", name_);
            done += static_cast<size_t>(count);
        }
        return {};
    }
    /// Fills the last block up with zeros; returns how many blocks there are.
    Result<uint64_t> round_up() {
        off_t size = ::lseek(fd_.get(), 0, SEEK_END);
        uint64_t blocks = (static_cast<uint64_t>(size) + kBlock - 1) / kBlock;
        if (size < 0 || ::ftruncate(fd_.get(), static_cast<off_t>(blocks * kBlock)) != 0)
            return system_error(errno, "writing ", name_);
        return blocks;
    }

  private:
    UniqueFd fd_;
    std::string name_;
};

/// A run of blocks of the file.
struct Blocks {
    uint64_t first = 0;
    uint64_t count = 0;
};

/// Writes the hashes of the blocks to the level above them.
Result<> hash_level(File& file, BlockHash& hash, Blocks below, uint64_t above, LongWork& work) {
    constexpr size_t kHashesInBlock = kBlock / kDigest;
    Bytes data(kHashesInBlock * kBlock);
    for (uint64_t done = 0; done < below.count; done += kHashesInBlock, ++above) {
        size_t count = std::min<uint64_t>(kHashesInBlock, below.count - done);
        TRY(file.read(below.first + done, std::span(data).first(count * kBlock)));
        Bytes hashes(kBlock);
        for (size_t i = 0; i < count; ++i)
            hash.hash(&data[i * kBlock], &hashes[i * kDigest]);
        TRY(file.write(above, hashes));
        work.advance(count * kBlock);
    }
    return {};
}

/// Bytes that are the same for the same seed.
Bytes bytes_from(const std::string& seed, size_t count) {
    std::string digits = digest_of_text(seed);
    Bytes bytes;
    for (size_t i = 0; i < count; ++i)
        bytes.push_back(static_cast<uint8_t>(*parse_number(digits.substr(2 * i, 2), 16)));
    return bytes;
}

} // namespace

Result<ImageTree> append_tree(const std::filesystem::path& path, const std::string& seed,
                              Progress& progress) {
    UniqueFd fd(::open(path.c_str(), O_RDWR | O_CLOEXEC));
    if (!fd.is_open()) return system_error(errno, "opening ", path.native());
    File file(std::move(fd), path);
    verity::Superblock superblock = {.data_blocks = TRY(file.round_up()),
                                     .salt = bytes_from("mangrove verity salt " + seed, kDigest)};
    std::ranges::copy(bytes_from("mangrove verity " + seed, superblock.uuid.size()), superblock.uuid.begin());
    TRY(file.write(superblock.data_blocks, verity::encode(superblock)));
    BlockHash hash(superblock.salt);
    LongWork work(progress, "hashing the image for dm-verity", superblock.data_blocks * kBlock);
    Blocks below = {.first = 0, .count = superblock.data_blocks};
    for (const verity::Level& level : verity::levels_of(superblock.data_blocks)) {
        uint64_t place = superblock.data_blocks + 1 + level.first;
        TRY(hash_level(file, hash, below, place, work));
        below = {.first = place, .count = level.count};
    }
    Bytes top(kBlock), root(kDigest);
    TRY(file.read(below.first, top));
    hash.hash(top.data(), root.data());
    return ImageTree{.root_hash = hex(root), .offset = superblock.data_blocks * kBlock};
}

} // namespace mangrove::head
