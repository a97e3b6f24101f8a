#pragma once

#include <memory>
#include <string>
#include <vector>

#include "lazy/disk_format.h"
#include "lazy/piece_cache.h"
#include "machine/watched_connection.h"
#include "system/cache_disk.h"
#include "system/system.h"

namespace mangrove::lazy {

/// The state of a cache on a disk that outlives the process that serves the device, in memory that is shared
/// with its successors. Plain data, in which the process may die at any moment.
struct DiskState {
    std::array<char, 256> failure = {}; ///< why the disk is not used any more; empty: it is
    DiskHeader header = {};
    uint64_t hits = 0;  ///< pieces that came from the disk
    uint64_t wrong = 0; ///< pieces that were not as their digests say
};

/// The shared memory: the state, and the table as it is on the disk.
class DiskMemory {
  public:
    /// `memory` is zeroed, and of the size that size_for gives.
    DiskMemory(std::shared_ptr<uint8_t> memory, const DiskHeader& header);
    static size_t size_for(uint64_t places);

    DiskState& state() const { return *state_; }
    DiskLayout layout() const { return {.places = state_->header.places}; }
    DiskTableBlock& block(uint64_t number) const { return blocks_[number]; }
    DiskEntry& entry(uint64_t place) const { return blocks_[place / 255].entries[place % 255]; }
    /// Whether a block is not on the disk as it is here.
    bool is_dirty(uint64_t block) const { return dirty_[block] != 0; }
    void set_dirty(uint64_t block, bool is_dirty) { dirty_[block] = is_dirty ? 1 : 0; }

  private:
    std::shared_ptr<uint8_t> memory_;
    DiskState* state_;
    DiskTableBlock* blocks_;
    uint8_t* dirty_;
};

/// A cache on a disk that is open.
struct DiskFile {
    std::string device; ///< for messages
    UniqueFd disk;
    DiskMemory memory;
};

/// Takes a disk over for the file, or goes on with what it has of it. Waits for the disk until the deadline.
/// An error where it holds something else: it must be a cache, or zeroes, unless `may_hold_anything`.
Result<DiskFile> open_disk_cache(System& system, const std::string& device, CacheDisks::Opened opened,
                                 const DiskIdentity& identity, bool may_hold_anything, Deadline deadline);

/// The pieces of the file that are on the disk. Fills up, and then stays as it is: what a boot reads first,
/// the next one reads again. A disk that fails, or is silent, is not used any more.
class DiskCache {
  public:
    /// `file`: nullptr where there is no disk.
    DiskCache(System& system, const DiskFile* file, PieceCache& cache, uint64_t pieces);

    bool is_used() const { return disk_ != nullptr; }
    bool has(uint64_t piece) const { return is_used() && piece < place_of_.size() && place_of_[piece] != 0; }
    uint64_t held() const { return held_; } ///< pieces
    /// Can be read when there is work; nullptr: never.
    const UniqueFd* woken_by() const { return is_used() ? &disk_->woken_by() : nullptr; }
    /// When there is work at the latest.
    Deadline deadline() const;

    /// Starts a read of a wanted piece, and of the wanted pieces that follow it in the file and on the disk.
    /// False while another read is under way.
    bool read(uint64_t piece);
    /// Has a whole piece written once the disk is free.
    void store(uint64_t piece);
    bool is_storing() const { return is_used() && (!stored_.empty() || !writing_.empty()); }
    bool is_full() const { return held_ == memory_->layout().places; }
    void work();
    void tell(ServedState& told) const;

  private:
    struct Place {
        uint64_t place = 0;
        DiskEntry entry = {};
    };

    void end(const CacheDisk::End& end);
    void end_read(ByteView bytes);
    void end_write();
    void give_back(uint64_t piece);
    void forget(uint64_t piece);
    void write();
    bool write_pieces();
    void write_table();
    void fail(const std::string& reason);
    void set_dirty(uint64_t place);

    System& system_;
    const DiskFile* file_;
    PieceCache& cache_;
    std::optional<DiskMemory> memory_;
    std::unique_ptr<CacheDisk> disk_;
    std::vector<uint32_t> place_of_; ///< by the piece; 0: none, else one more than the place
    uint64_t held_ = 0;
    uint64_t free_ = 0;             ///< no place before it is free
    std::vector<uint64_t> stored_;  ///< pieces, in the order in which they came
    std::vector<uint64_t> reading_; ///< pieces
    std::vector<Place> writing_;    ///< empty while a block of the table is written
    Time reading_since_ = {};
    Time writing_since_ = {};
    Deadline table_at_ = Deadline::max(); ///< when the table is written
};

} // namespace mangrove::lazy
