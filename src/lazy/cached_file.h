#pragma once

#include <vector>

#include "lazy/piece_cache.h"
#include "lazy/prefetch.h"
#include "lazy/read.h"
#include "lazy/readahead.h"
#include "lazy/source.h"

namespace mangrove::lazy {

/// The cache's side of a device: which reads have their places in it, and what is read ahead of them.
class CachedFile {
  public:
    CachedFile(const SharedMemory& memory, const Source& source, Time now)
        : state_(memory.state()), cache_(memory, source.pieces()), pieces_(source.pieces()),
          prefetch_(source.prefetch, memory.state(), now) {}

    PieceCache& cache() { return cache_; }
    /// Pieces that nobody has asked for yet.
    std::vector<uint64_t>& ahead() { return ahead_; }
    const std::vector<uint64_t>& ahead() const { return ahead_; }
    /// Returns a piece that the boot will read, and wants it and those after it.
    std::optional<uint64_t> prefetch(Time now) { return prefetch_.want_next(cache_, now); }
    bool is_wanted(uint64_t piece) const {
        return piece < pieces_ && cache_.state_of(piece) == Slot::State::wanted;
    }
    /// Gives the reads places in their order, each all that it needs, so that none waits for a place that
    /// another one holds.
    void admit(std::vector<Read>& reads);
    /// Has a piece read that is not there. False where there is no room: half of the cache is for what is
    /// asked for.
    bool read_ahead(uint64_t piece);
    bool is_whole(const Read& read) const;
    void let_go(const Read& read);

  private:
    void hold(uint64_t piece);
    bool has_room(const Read& read);
    void read_ahead(const Read& read);

    SharedState& state_;
    PieceCache cache_;
    uint64_t pieces_;
    Readahead readahead_;
    std::vector<uint64_t> ahead_;
    Prefetch prefetch_;
};

} // namespace mangrove::lazy
