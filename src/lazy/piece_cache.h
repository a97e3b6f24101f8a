#pragma once

#include <optional>
#include <vector>

#include "lazy/shared.h"

namespace mangrove::lazy {

/// The pieces of the file that are in the shared memory. Pieces that a read waits for are held; of the
/// others, the ones not read lately go first (second chance). Allocates nothing once it is made.
class PieceCache {
  public:
    /// Takes over what an earlier process has left: whole pieces.
    PieceCache(SharedMemory memory, uint64_t pieces);

    Slot::State state_of(uint64_t piece) const;
    /// The contents of a piece that is not empty.
    uint8_t* contents(uint64_t piece) const { return memory_.contents(slot_of_[piece] - 1); }
    size_t slots() const { return memory_.slots(); }
    size_t whole() const; ///< pieces
    /// How many pieces were wanted and never held.
    size_t unread() const { return unread_; }
    /// Whether so many pieces can be added to those that are held.
    bool has_room(size_t pieces) const { return free_ >= pieces; }
    /// Gives an empty piece a slot, where it is wanted. False if all are held.
    bool want(uint64_t piece);
    void set_state(uint64_t piece, Slot::State state);
    /// Holds a piece that is not empty; as often as it is let go.
    void hold(uint64_t piece);
    void let_go(uint64_t piece);
    bool is_held(uint64_t piece) const { return held_[slot_of_[piece] - 1] > 0; }

  private:
    bool can_leave(size_t slot) const;
    std::optional<size_t> find_slot();
    void mark_read(Slot& slot);

    SharedMemory memory_;
    std::vector<uint32_t> slot_of_; ///< by the piece; 0: none, else one more than the slot
    std::vector<uint32_t> held_;    ///< by the slot
    size_t free_ = 0;               ///< slots that can be given to another piece
    size_t unread_ = 0;
    size_t hand_ = 0;
};

} // namespace mangrove::lazy
