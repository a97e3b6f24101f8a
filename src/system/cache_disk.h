#pragma once

#include <memory>
#include <optional>
#include <string>

#include "base/result.h"
#include "base/unique_fd.h"

namespace mangrove {

/// A local disk that another process reads and writes, so that nobody waits for one that hangs: one read and
/// one write at a time.
class CacheDisk {
  public:
    virtual ~CacheDisk() = default;

    /// The longest request, in bytes. All offsets and lengths are multiples of kBlock.
    static constexpr size_t kLongest = 512 << 10;
    static constexpr size_t kBlock = 4096;

    struct End {
        bool is_write = false;
        uint64_t offset = 0;
        ByteView bytes = {}; ///< that were read; valid until the next read
        std::optional<Error> error = {};
    };

    virtual bool can_read() const = 0;
    virtual bool can_write() const = 0;
    virtual void read(uint64_t offset, size_t length) = 0;
    /// Takes a copy of the bytes.
    virtual void write(uint64_t offset, ByteView bytes) = 0;
    /// Can be read when a request has ended.
    virtual const UniqueFd& woken_by() const = 0;
    /// Returns a request that has ended; never waits. An error, even without a request, when the process has
    /// died.
    virtual std::optional<End> take_end() = 0;
};

/// The seam to the local disks that hold caches.
class CacheDisks {
  public:
    virtual ~CacheDisks() = default;

    struct Opened {
        UniqueFd disk;
        uint64_t size = 0; ///< in bytes
    };
    /// Opens a disk or partition for this machine's programs alone: an error (EBUSY) when something uses it.
    virtual Result<Opened> open(const std::string& device) = 0;
    /// Starts the process that reads and writes the disk, which ends with the object and with the caller.
    virtual Result<std::unique_ptr<CacheDisk>> start(const UniqueFd& disk, const std::string& name) = 0;
};

} // namespace mangrove
