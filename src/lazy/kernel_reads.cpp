#include "lazy/kernel_reads.h"

#include <algorithm>

namespace mangrove::lazy {

static constexpr seconds kPatienceInAssembly{10};

KernelReads::KernelReads(System& system, const Source& source, SharedState& state, CachedFile& file,
                         KernelChannel& channel, uint32_t generation, Phase phase)
    : system_(system), source_(source), state_(state), file_(file), channel_(channel),
      generation_(generation), phase_(phase) {
    for (size_t number = 0; number < state_.pending.size(); ++number)
        if (state_.pending[number].length != 0) add_read(number);
    std::ranges::sort(reads_, {}, [&](const Read& read) { return state_.pending[read.number].order; });
    if (!reads_.empty()) order_ = state_.pending[reads_.back().number].order;
    if (channel_.has_left()) take_request();
}

/// Begins to touch the connection, unless it is another process's by now: then this one ends.
bool KernelReads::enter() {
    state_.is_busy = 1;
    if (state_.generation == generation_) return true;
    state_.is_busy = 0;
    is_taken_over_ = true;
    return false;
}

void KernelReads::add_read(size_t number) {
    const PendingRead& pending = state_.pending[number];
    uint64_t first = pending.offset / kPieceSize;
    uint64_t last = (pending.offset + pending.length - 1) / kPieceSize;
    reads_.push_back({.number = number, .first = first, .count = last - first + 1, .since = system_.now()});
}

void KernelReads::take_request() {
    if (!enter()) return;
    channel_.take([this](const KernelRead& read) { note(read); });
    leave();
}

void KernelReads::note(const KernelRead& read) {
    forget_earlier(read);
    uint64_t size = source_.device_size();
    auto* place = std::ranges::find(state_.pending, 0U, &PendingRead::length);
    bool is_valid = read.length > 0 && read.offset < size && read.length <= size - read.offset
                    && read.length <= kLongestRead;
    if (!is_valid || place == state_.pending.end()) return channel_.refuse(read.cookie, KernelError::invalid);
    place->cookie = read.cookie;
    place->offset = read.offset;
    place->connection = state_.connection;
    place->is_begun = false;
    place->order = ++order_;
    place->length = read.length;
    add_read(static_cast<size_t>(place - state_.pending.begin()));
}

/// Forgets a read that the kernel asks for again over another connection, for it takes no answer to the
/// earlier request. Should that have been another read of the same place, the kernel asks again for it,
/// too.
void KernelReads::forget_earlier(const KernelRead& read) {
    std::erase_if(reads_, [&](const Read& known) {
        const PendingRead& earlier = state_.pending[known.number];
        bool is_same = earlier.connection != state_.connection && earlier.offset == read.offset
                       && earlier.length == read.length;
        if (is_same) forget(known);
        return is_same;
    });
}

bool KernelReads::answer_ready() {
    return std::erase_if(reads_,
                         [&](const Read& read) {
                             if (end() || !read.is_admitted || !file_.is_whole(read) || !enter())
                                 return false;
                             bool is_answered = answer(read);
                             if (is_answered) forget(read);
                             leave();
                             return is_answered;
                         })
           > 0;
}

bool KernelReads::answer(const Read& read) {
    PendingRead& pending = state_.pending[read.number];
    std::array<ByteView, kLongestRead / kPieceSize + 1> data;
    size_t parts = 0;
    uint64_t at = pending.offset;
    uint64_t end = pending.offset + pending.length;
    while (at < end) {
        uint64_t inside = at % kPieceSize;
        uint64_t length = std::min(kPieceSize - inside, end - at);
        data[parts++] = {file_.cache().contents(at / kPieceSize) + inside, length};
        at += length;
    }
    return channel_.answer(pending, std::span(data).first(parts));
}

void KernelReads::forget(const Read& read) {
    state_.pending[read.number].length = 0;
    file_.let_go(read);
}

void KernelReads::fail_overdue() {
    if (phase_ != Phase::assembly) return;
    Time now = system_.now();
    std::erase_if(reads_, [&](const Read& read) {
        if (now - read.since < kPatienceInAssembly || end() || !enter()) return false;
        state_.has_failed = 1;
        channel_.refuse(state_.pending[read.number].cookie, KernelError::io);
        forget(read);
        leave();
        return true;
    });
}

Deadline KernelReads::next_deadline() const {
    if (phase_ != Phase::assembly || reads_.empty()) return Deadline::max();
    return reads_.front().since + kPatienceInAssembly;
}

} // namespace mangrove::lazy
