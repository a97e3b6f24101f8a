#include "lazy/cached_file.h"

#include <algorithm>

namespace mangrove::lazy {

void CachedFile::admit(std::vector<Read>& reads) {
    for (Read& read : reads) {
        if (read.is_admitted) continue;
        if (!has_room(read)) return;
        for (uint64_t piece : read.pieces())
            if (cache_.state_of(piece) != Slot::State::empty) hold(piece);
        for (uint64_t piece : read.pieces())
            if (cache_.state_of(piece) == Slot::State::empty && cache_.want(piece)) cache_.hold(piece);
        for (uint64_t piece : read.pieces())
            prefetch_.was_read(piece);
        read.is_admitted = true;
        read_ahead(read);
    }
}

void CachedFile::hold(uint64_t piece) {
    if (cache_.state_of(piece) == Slot::State::whole) ++state_.hits;
    cache_.hold(piece);
}

bool CachedFile::has_room(const Read& read) {
    size_t needed = 0;
    for (uint64_t piece : read.pieces()) {
        Slot::State state = cache_.state_of(piece);
        bool is_taken =
            state == Slot::State::coming || (state != Slot::State::empty && cache_.is_held(piece));
        needed += is_taken ? 0 : 1;
    }
    if (!cache_.has_room(needed)) return false;
    state_.pieces += read.count;
    return true;
}

void CachedFile::read_ahead(const Read& read) {
    uint64_t window = readahead_.after(read.first, read.count);
    uint64_t begin = read.first + read.count;
    uint64_t end = std::min(begin + window, pieces_);
    for (uint64_t piece = begin; piece < end; ++piece)
        if (cache_.state_of(piece) == Slot::State::empty && !read_ahead(piece)) return;
}

bool CachedFile::read_ahead(uint64_t piece) {
    if (!cache_.has_room(state_.slots / 2) || !cache_.want(piece)) return false;
    ahead_.push_back(piece);
    return true;
}

bool CachedFile::is_whole(const Read& read) const {
    return std::ranges::all_of(
        read.pieces(), [this](uint64_t piece) { return cache_.state_of(piece) == Slot::State::whole; });
}

void CachedFile::let_go(const Read& read) {
    if (!read.is_admitted) return;
    for (uint64_t piece : read.pieces())
        cache_.let_go(piece);
}

} // namespace mangrove::lazy
