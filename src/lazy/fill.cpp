#include "lazy/fill.h"

#include <algorithm>

namespace mangrove::lazy {

namespace {

constexpr seconds kLookEvery{5};     ///< for multi-user
constexpr seconds kLookAgain{60};    ///< for pieces that were lost on the way to the disk
constexpr uint64_t kMostAtOnce = 16; ///< pieces: the kernel's reads may have to wait for them

} // namespace

Fill::Fill(System& system, const Source& source, CachedFile& file, DiskCache& disk)
    : system_(system), source_(source), file_(file), disk_(disk) {
    if (source.fill > 0) next_ = system.now();
}

uint64_t Fill::held() const {
    uint64_t pieces = disk_.is_used() ? disk_.held() : file_.cache().whole();
    return std::min(pieces * kPieceSize, source_.size);
}

bool Fill::can_hold_all() const {
    return disk_.is_used() ? !disk_.is_full() : source_.pieces() <= file_.cache().slots();
}

bool Fill::has_begun() {
    is_multi_user_ |= system_.path_kind(kMultiUserFifo) != PathKind::missing;
    return is_multi_user_;
}

/// On the disk, or in memory where that is the cache. Stores what is only in memory.
bool Fill::is_there(uint64_t piece) {
    bool is_in_memory = file_.cache().state_of(piece) != Slot::State::empty;
    if (!disk_.is_used()) return is_in_memory;
    if (is_in_memory) disk_.store(piece);
    return is_in_memory || disk_.has(piece);
}

void Fill::work() {
    if (system_.now() < next_ || disk_.is_storing()) return;
    if (!has_begun()) {
        next_ = system_.now() + kLookEvery;
        return;
    }
    while (piece_ < source_.pieces() && is_there(piece_))
        ++piece_;
    bool is_over = piece_ == source_.pieces() || !can_hold_all();
    if (is_over) {
        piece_ = 0;
        next_ = held() == source_.size ? Deadline::max() : Deadline(system_.now() + kLookAgain);
        return;
    }
    uint64_t count = 0;
    for (; count < kMostAtOnce && piece_ < source_.pieces() && !is_there(piece_); ++count, ++piece_)
        if (!file_.read_ahead(piece_)) break;
    auto took = milliseconds(count * kPieceSize * 1000 / (uint64_t{source_.fill} << 20));
    next_ = system_.now() + std::max(took, count > 0 ? milliseconds(1) : milliseconds(1000));
}

} // namespace mangrove::lazy
