#include "lazy/piece_cache.h"

#include <utility>

namespace mangrove::lazy {

PieceCache::PieceCache(SharedMemory memory, uint64_t pieces)
    : memory_(std::move(memory)), slot_of_(pieces), held_(memory_.slots()), free_(memory_.slots()) {
    for (size_t number = 0; number < memory_.slots(); ++number) {
        Slot& slot = memory_.slot(number);
        if (slot.state != Slot::State::whole || slot.piece >= pieces || slot_of_[slot.piece] != 0)
            slot.state = Slot::State::empty;
        else
            slot_of_[slot.piece] = static_cast<uint32_t>(number + 1);
        slot.is_unread &= slot.state == Slot::State::whole;
        unread_ += slot.is_unread ? 1 : 0;
    }
}

Slot::State PieceCache::state_of(uint64_t piece) const {
    uint32_t slot = slot_of_[piece];
    return slot == 0 ? Slot::State::empty : memory_.slot(slot - 1).state;
}

bool PieceCache::can_leave(size_t slot) const {
    // A slot that is coming is being written.
    return held_[slot] == 0 && memory_.slot(slot).state != Slot::State::coming;
}

std::optional<size_t> PieceCache::find_slot() {
    bool loses_none = memory_.slots() >= slot_of_.size();
    for (size_t looks = 0; looks < 2 * memory_.slots(); ++looks) {
        size_t number = hand_;
        hand_ = (hand_ + 1) % memory_.slots();
        if (!can_leave(number)) continue;
        Slot& slot = memory_.slot(number);
        if (slot.state == Slot::State::empty) return number;
        if (!loses_none && !std::exchange(slot.is_recent, false)) return number;
    }
    return std::nullopt;
}

size_t PieceCache::whole() const {
    size_t count = 0;
    for (size_t number = 0; number < memory_.slots(); ++number)
        count += memory_.slot(number).state == Slot::State::whole ? 1 : 0;
    return count;
}

bool PieceCache::want(uint64_t piece) {
    std::optional<size_t> number = find_slot();
    if (!number) return false;
    Slot& slot = memory_.slot(*number);
    if (slot.state != Slot::State::empty) slot_of_[slot.piece] = 0;
    slot.state = Slot::State::empty;
    slot.piece = piece;
    slot.is_recent = true;
    if (!std::exchange(slot.is_unread, true)) ++unread_;
    slot.state = Slot::State::wanted;
    slot_of_[piece] = static_cast<uint32_t>(*number + 1);
    return true;
}

void PieceCache::set_state(uint64_t piece, Slot::State state) {
    size_t number = slot_of_[piece] - 1;
    bool could_leave = can_leave(number);
    memory_.slot(number).state = state;
    if (state == Slot::State::empty) {
        slot_of_[piece] = 0;
        mark_read(memory_.slot(number));
    }
    if (could_leave && !can_leave(number)) --free_;
    if (!could_leave && can_leave(number)) ++free_;
}

void PieceCache::hold(uint64_t piece) {
    size_t number = slot_of_[piece] - 1;
    if (can_leave(number)) --free_;
    ++held_[number];
    memory_.slot(number).is_recent = true;
    mark_read(memory_.slot(number));
}

void PieceCache::mark_read(Slot& slot) {
    if (std::exchange(slot.is_unread, false)) --unread_;
}

void PieceCache::let_go(uint64_t piece) {
    size_t number = slot_of_[piece] - 1;
    --held_[number];
    if (can_leave(number)) ++free_;
}

} // namespace mangrove::lazy
