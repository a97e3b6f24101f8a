#include "lazy/disk_cache.h"

#include <algorithm>
#include <cerrno>
#include <utility>

#include "base/log.h"

namespace mangrove::lazy {

namespace {

constexpr seconds kPatience{4};   ///< with the disk; a read of the root waits so long
constexpr seconds kTableEvery{1}; ///< power that fails costs the pieces of so long
constexpr uint64_t kMostAtOnce = CacheDisk::kLongest / kPieceSize;
constexpr size_t kMostStored = 4096; ///< pieces that wait to be written
static_assert(kDiskBlock == CacheDisk::kBlock);

constexpr size_t align(size_t size) {
    return (size + kDiskBlock - 1) / kDiskBlock * kDiskBlock;
}

/// A disk that is asked for one thing after the other, before the root needs it.
class PatientDisk {
  public:
    PatientDisk(System& system, CacheDisk& disk, Deadline deadline)
        : system_(system), disk_(disk), deadline_(deadline) {}

    Result<Bytes> read(uint64_t offset, size_t length) {
        disk_.read(offset, length);
        CacheDisk::End end = TRY(wait());
        return Bytes(end.bytes.begin(), end.bytes.end());
    }
    Result<> write(uint64_t offset, ByteView bytes) {
        disk_.write(offset, bytes);
        TRY(wait());
        return {};
    }

  private:
    Result<CacheDisk::End> wait() {
        constexpr milliseconds kStep{1};
        for (;;) {
            std::optional<CacheDisk::End> end = disk_.take_end();
            if (end && end->error) return std::unexpected(*std::move(end->error));
            if (end) return *std::move(end);
            if (system_.now() >= deadline_) return permanent_error("it does not answer");
            system_.sleep(kStep);
        }
    }

    System& system_;
    CacheDisk& disk_;
    Deadline deadline_;
};

/// Whether nothing is on the disk that anybody may miss.
Result<bool> is_blank(PatientDisk& disk, uint64_t size) {
    constexpr uint64_t kLooked = 1 << 20;
    uint64_t end = std::min(kLooked, size / kDiskBlock * kDiskBlock);
    for (uint64_t at = 0; at < end; at += CacheDisk::kLongest) {
        Bytes bytes = TRY(disk.read(at, std::min<uint64_t>(CacheDisk::kLongest, end - at)));
        if (std::ranges::any_of(bytes, [](uint8_t byte) { return byte != 0; })) return false;
    }
    return true;
}

Result<> read_table(PatientDisk& disk, DiskMemory& memory, uint64_t pieces) {
    constexpr uint64_t kBlocks = CacheDisk::kLongest / kDiskBlock;
    DiskLayout layout = memory.layout();
    for (uint64_t first = 0; first < layout.blocks(); first += kBlocks) {
        uint64_t count = std::min(kBlocks, layout.blocks() - first);
        Bytes bytes = TRY(disk.read(DiskLayout::block_at(first), count * kDiskBlock));
        std::memcpy(&memory.block(first), bytes.data(), bytes.size());
    }
    for (uint64_t number = 0; number < layout.blocks(); ++number) {
        DiskTableBlock& block = memory.block(number);
        if (block.salt != memory.state().header.salt) block = {.salt = memory.state().header.salt};
        for (DiskEntry& entry : block.entries)
            if (entry.piece > pieces) entry = {};
    }
    return {};
}

} // namespace

DiskMemory::DiskMemory(std::shared_ptr<uint8_t> memory, const DiskHeader& header)
    : memory_(std::move(memory)), state_(new (memory_.get()) DiskState{.header = header}),
      blocks_(new (memory_.get() + align(sizeof(DiskState))) DiskTableBlock[layout().blocks()]),
      dirty_(memory_.get() + align(sizeof(DiskState)) + layout().blocks() * kDiskBlock) {
    for (uint64_t number = 0; number < layout().blocks(); ++number)
        blocks_[number].salt = header.salt;
}

size_t DiskMemory::size_for(uint64_t places) {
    uint64_t blocks = DiskLayout{.places = places}.blocks();
    return align(sizeof(DiskState)) + blocks * kDiskBlock + align(blocks);
}

Result<DiskFile> open_disk_cache(System& system, const std::string& device, CacheDisks::Opened opened,
                                 const DiskIdentity& identity, bool may_hold_anything, Deadline deadline) {
    uint64_t pieces = (identity.size + kPieceSize - 1) / kPieceSize;
    DiskLayout layout = DiskLayout::of(opened.size, pieces);
    if (layout.places == 0) return permanent_error("it is too small");
    std::unique_ptr<CacheDisk> asked = TRY(system.cache_disks().start(opened.disk, "the cache " + device));
    PatientDisk disk(system, *asked, deadline);
    Bytes beginning = TRY(disk.read(0, kDiskBlock));
    std::optional<DiskHeader> header = decode(beginning);
    bool is_ours = is_cache(beginning);
    if (!is_ours && !may_hold_anything && !TRY(is_blank(disk, opened.size)))
        return permanent_error("it holds something else");
    bool is_same = header && header->places == layout.places && header->identity.is_same(identity);
    if (is_ours && !is_same)
        log_notice("cache ", device, ": ", header ? "holds another file" : "is damaged",
                   "; it begins from empty");
    DiskHeader before = header.value_or(DiskHeader());
    DiskHeader now = {.salt = before.salt, .places = layout.places, .identity = identity};
    if (is_same)
        now.identity.learn(before.identity);
    else
        std::ranges::copy(TRY(system.random_bytes(now.salt.size())), now.salt.begin());
    DiskMemory memory(TRY(system.share_memory(DiskMemory::size_for(layout.places))), now);
    if (is_same) TRY(read_table(disk, memory, pieces));
    if (!is_same || now.identity.versions != before.identity.versions) TRY(disk.write(0, encode(now)));
    return DiskFile{.device = device, .disk = std::move(opened.disk), .memory = memory};
}

DiskCache::DiskCache(System& system, const DiskFile* file, PieceCache& cache, uint64_t pieces)
    : system_(system), file_(file), cache_(cache) {
    if (!file) return;
    memory_ = file->memory;
    if (memory_->state().failure[0] != '\0') return;
    place_of_.resize(pieces);
    for (uint64_t place = 0; place < memory_->layout().places; ++place) {
        uint32_t piece = memory_->entry(place).piece;
        if (piece == 0 || piece > pieces) continue;
        if (place_of_[piece - 1] != 0) --held_;
        place_of_[piece - 1] = static_cast<uint32_t>(place + 1);
        ++held_;
    }
    Result<std::unique_ptr<CacheDisk>> started = system.cache_disks().start(file->disk, "the cache");
    if (!started) {
        fail(started.error().what);
        return;
    }
    disk_ = *std::move(started);
    table_at_ = system.now() + kTableEvery;
    // The process before this one may have died before it stored them.
    for (uint64_t piece = 0; piece < pieces; ++piece)
        if (cache_.state_of(piece) == Slot::State::whole) store(piece);
}

Deadline DiskCache::deadline() const {
    if (!is_used()) return Deadline::max();
    Deadline deadline = disk_->can_write() ? table_at_ : writing_since_ + kPatience;
    return disk_->can_read() ? deadline : std::min<Deadline>(deadline, reading_since_ + kPatience);
}

bool DiskCache::read(uint64_t piece) {
    if (!disk_->can_read()) return false;
    uint64_t count = 0;
    uint64_t most = std::min<uint64_t>(kMostAtOnce, place_of_.size() - piece);
    while (count < most && place_of_[piece + count] == place_of_[piece] + count
           && cache_.state_of(piece + count) == Slot::State::wanted) {
        cache_.set_state(piece + count, Slot::State::coming);
        reading_.push_back(piece + count++);
    }
    reading_since_ = system_.now();
    disk_->read(memory_->layout().place_at(place_of_[piece] - 1), count * kPieceSize);
    return true;
}

void DiskCache::store(uint64_t piece) {
    if (is_used() && !has(piece) && stored_.size() < kMostStored) stored_.push_back(piece);
}

void DiskCache::work() {
    while (is_used()) {
        std::optional<CacheDisk::End> ended = disk_->take_end();
        if (!ended) break;
        end(*ended);
    }
    if (!is_used()) return;
    Time now = system_.now();
    bool is_silent = (!disk_->can_read() && now >= reading_since_ + kPatience)
                     || (!disk_->can_write() && now >= writing_since_ + kPatience);
    if (is_silent) return fail(text("it did not answer for ", kPatience.count(), " s"));
    if (disk_->can_write()) write();
}

void DiskCache::end(const CacheDisk::End& end) {
    if (end.error) return fail(end.error->what);
    end.is_write ? end_write() : end_read(end.bytes);
}

void DiskCache::end_read(ByteView bytes) {
    DiskState& state = memory_->state();
    for (uint64_t piece : std::exchange(reading_, {})) {
        ByteView contents = bytes.first(kPieceSize);
        bytes = bytes.subspan(kPieceSize);
        DiskEntry entry = entry_of(state.header.salt, piece, contents);
        if (entry.digest != memory_->entry(place_of_[piece] - 1).digest) {
            if (state.wrong++ == 0)
                log_warning("cache ", file_->device,
                            ": a piece is corrupt; the server is asked for it again");
            forget(piece);
            give_back(piece);
            continue;
        }
        ++state.hits;
        std::ranges::copy(contents, cache_.contents(piece));
        cache_.set_state(piece, Slot::State::whole);
    }
}

void DiskCache::end_write() {
    for (const Place& written : std::exchange(writing_, {})) {
        uint64_t piece = written.entry.piece - 1;
        memory_->entry(written.place) = written.entry;
        place_of_[piece] = static_cast<uint32_t>(written.place + 1);
        ++held_;
        set_dirty(written.place);
    }
}

/// To the servers.
void DiskCache::give_back(uint64_t piece) {
    cache_.set_state(piece, cache_.is_held(piece) ? Slot::State::wanted : Slot::State::empty);
}

void DiskCache::forget(uint64_t piece) {
    uint64_t place = place_of_[piece] - 1;
    memory_->entry(place) = {};
    place_of_[piece] = 0;
    --held_;
    free_ = std::min(free_, place);
    set_dirty(place);
}

void DiskCache::set_dirty(uint64_t place) {
    memory_->set_dirty(place / 255, true);
    table_at_ = std::min<Deadline>(table_at_, system_.now() + kTableEvery);
}

void DiskCache::write() {
    writing_since_ = system_.now();
    if (writing_since_ >= table_at_) return write_table();
    if (!write_pieces()) stored_.clear();
}

/// Writes what has waited longest, whatever pieces they are, to places that follow each other. False if there
/// was nothing.
bool DiskCache::write_pieces() {
    const DiskLayout layout = memory_->layout();
    while (free_ < layout.places && memory_->entry(free_).piece != 0)
        ++free_;
    Bytes bytes;
    size_t looked = 0;
    for (uint64_t place = free_; looked < stored_.size() && writing_.size() < kMostAtOnce; ++looked) {
        if (place == layout.places || memory_->entry(place).piece != 0) break;
        uint64_t piece = stored_[looked];
        bool is_there = cache_.state_of(piece) == Slot::State::whole;
        bool is_twice =
            std::ranges::any_of(writing_, [&](const Place& other) { return other.entry.piece == piece + 1; });
        if (!is_there || has(piece) || is_twice) continue;
        ByteView contents(cache_.contents(piece), kPieceSize);
        bytes.insert(bytes.end(), contents.begin(), contents.end());
        writing_.push_back({place++, entry_of(memory_->state().header.salt, piece, contents)});
    }
    if (writing_.empty()) return false;
    stored_.erase(stored_.begin(), stored_.begin() + static_cast<std::ptrdiff_t>(looked));
    disk_->write(layout.place_at(writing_.front().place), bytes);
    return true;
}

void DiskCache::write_table() {
    for (uint64_t number = 0; number < memory_->layout().blocks(); ++number) {
        if (!memory_->is_dirty(number)) continue;
        memory_->set_dirty(number, false);
        disk_->write(DiskLayout::block_at(number),
                     {reinterpret_cast<const uint8_t*>(&memory_->block(number)), kDiskBlock});
        return;
    }
    table_at_ = Deadline::max();
}

void DiskCache::tell(ServedState& told) const {
    if (!file_) return;
    const DiskState& state = memory_->state();
    told.cache = file_->device;
    told.cache_failure = state.failure.data();
    told.cache_hits = state.hits;
    told.cache_wrong = state.wrong;
}

void DiskCache::fail(const std::string& reason) {
    log_warning("cache ", file_->device, ": ", reason, "; the node goes on without it");
    std::array<char, 256>& failure = memory_->state().failure;
    std::copy_n(reason.begin(), std::min(reason.size(), failure.size() - 1), failure.begin());
    disk_.reset();
    held_ = 0;
    writing_.clear();
    stored_.clear();
    for (uint64_t piece : std::exchange(reading_, {}))
        give_back(piece);
}

} // namespace mangrove::lazy
