#pragma once

#include <optional>
#include <vector>

#include "lazy/piece_cache.h"
#include "system/clock.h"

namespace mangrove::lazy {

/// Chooses the pieces that the boot will read and has not read yet, so that they are there when it does.
class Prefetch {
  public:
    /// A successor goes on where the process before it has been. `pieces` must outlive it.
    Prefetch(const std::vector<uint64_t>& pieces, SharedState& state, Time now);

    void was_read(uint64_t piece);
    /// Wants the next pieces in the cache, up to eight neighbours, and returns the first. Nothing while
    /// half of the cache waits to be read, and when a minute is over.
    std::optional<uint64_t> want_next(PieceCache& cache, Time now);

  private:
    bool skip(const PieceCache& cache);

    const std::vector<uint64_t>& pieces_;
    SharedState& state_;
    Time end_;
    std::vector<bool> is_read_; ///< by the piece
};

} // namespace mangrove::lazy
