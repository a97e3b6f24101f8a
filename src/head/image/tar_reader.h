#pragma once

#include <memory>
#include <optional>
#include <string>

#include "base/result.h"
#include "head/host/files.h"
#include "head/image/confined.h"

struct archive;
struct archive_entry;

namespace mangrove::head {

/// Counts what of an archive could not be kept.
struct LeftOut {
    size_t count = 0;
    std::string first = {};

    void add(const std::string& what) {
        if (count++ == 0) first = what;
    }
};

/// The first bytes, at most `size`, that come out of a file's compression; none where it is damaged.
std::string plain_start(int file, size_t size);

/// Reads a tar (ustar, pax, GNU), plain or compressed by gzip, bzip2, xz, lzma, lzip, zstd, lz4 or compress,
/// with libarchive and no other program. Names are the bytes that the tar has.
class TarReader {
  public:
    /// `file` must stay open and is read from its beginning. It is an error if more than `most_bytes` come
    /// out of the compression. `name` is the tar's, for errors. `advance` is told of the file's bytes.
    static Result<std::unique_ptr<TarReader>> open(int file, const std::string& name, uint64_t most_bytes,
                                                   LeftOut& left_out, Advance advance = {});
    TarReader(const TarReader&) = delete;
    TarReader& operator=(const TarReader&) = delete;

    /// The next entry, which lives until the next call; nullptr at the end.
    Result<archive_entry*> next();

    struct Block {
        std::string_view data;
        uint64_t offset = 0;
    };
    /// The next piece of the entry's contents; nothing at the end. Holes are left out.
    Result<std::optional<Block>> read();

    /// Reads what is behind the last entry. The SHA-256 of all that came out of the compression.
    Result<std::string> finish();

  private:
    struct Free {
        void operator()(archive* reader) const;
    };
    using Reader = std::unique_ptr<archive, Free>;

    TarReader(std::string name, uint64_t most_bytes, LeftOut& left_out, Advance advance)
        : name_(std::move(name)), most_bytes_(most_bytes), left_out_(left_out), advance_(std::move(advance)) {
    }

    static ssize_t give(archive* to, void* self, const void** block);
    void tell();
    std::string_view plain_bytes(uint64_t position, size_t size) const;
    void restore_names(archive_entry* entry) const;
    std::unexpected<Error> error_of(archive* failed) const;

    std::string name_;
    uint64_t most_bytes_;
    LeftOut& left_out_;
    Reader decompressor_;
    Reader reader_;
    Digest digest_;
    Advance advance_;
    int64_t told_ = 0;      ///< of the file's bytes
    uint64_t position_ = 0; ///< how many bytes came out of the compression
    enum class Phase { header, contents } phase_ = Phase::header;
    size_t last_size_ = 0;    ///< of the newest piece of them
    std::string recent_ = {}; ///< the bytes before `position_`, from the current entry's headers on
};

} // namespace mangrove::head
