#include "lazy/prefetch.h"

#include <algorithm>

namespace mangrove::lazy {

namespace {

constexpr std::chrono::minutes kTime{1};
/// Reads of the kernel's wait behind what is under way: 128 KiB take 10 ms at 100 Mb/s.
constexpr size_t kMostNeighbours = 8;

} // namespace

Prefetch::Prefetch(const std::vector<uint64_t>& pieces, SharedState& state, Time now)
    : pieces_(pieces), state_(state), end_(now + kTime) {
    if (pieces.empty()) return;
    uint64_t last = *std::ranges::max_element(pieces);
    is_read_.resize(last + 1);
}

void Prefetch::was_read(uint64_t piece) {
    if (piece < is_read_.size()) is_read_[piece] = true;
}

/// Passes over what is there, or was read. False at the end.
bool Prefetch::skip(const PieceCache& cache) {
    for (; state_.prefetched < pieces_.size(); ++state_.prefetched) {
        uint64_t piece = pieces_[state_.prefetched];
        if (!is_read_[piece] && cache.state_of(piece) == Slot::State::empty) return true;
    }
    return false;
}

std::optional<uint64_t> Prefetch::want_next(PieceCache& cache, Time now) {
    size_t most_unread = state_.slots / 2;
    if (now >= end_ || cache.unread() + kMostNeighbours > most_unread || !skip(cache)) return std::nullopt;
    uint64_t first = pieces_[state_.prefetched];
    uint64_t next = first;
    while (next - first < kMostNeighbours && skip(cache) && pieces_[state_.prefetched] == next
           && cache.has_room(state_.slots / 2) && cache.want(next)) {
        ++next;
        ++state_.prefetched;
    }
    return next == first ? std::nullopt : std::optional(first);
}

} // namespace mangrove::lazy
