#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>

namespace mangrove::lazy {

/// The device is read from its server in pieces of this size.
inline constexpr size_t kPieceSize = 16 << 10;
/// The kernel reads no more than this at once, in bytes; nor is more asked of a server at once.
inline constexpr size_t kLongestRead = 1 << 20;
inline constexpr size_t kMostMirrors = 8;
/// The kernel has at most 128 requests under way.
inline constexpr size_t kMostRequests = 256;

/// A read of the kernel's that has not been answered.
struct PendingRead {
    uint64_t cookie = 0;
    uint64_t offset = 0;
    uint32_t length = 0;     ///< 0: no read
    uint64_t order = 0;      ///< the earlier one has the smaller number
    uint32_t connection = 0; ///< that it came over
    bool is_begun = false;   ///< its answer
};

struct MirrorMemory {
    bool is_known = false;          ///< it has the file
    std::array<char, 72> blob = {}; ///< a registry: the digest of the file
    std::array<char, 256> version = {};
};

struct Slot {
    enum class State : uint32_t { empty, wanted, coming, whole };
    uint64_t piece = 0;
    State state = State::empty;
    bool is_recent = false;
    bool is_unread = false; ///< wanted ahead of the kernel, which has not asked for it
};

/// The state that outlives the process that serves the device, in memory that is shared with its successors.
/// Plain data, in which the process may die at any moment.
struct SharedState {
    /// While it is set, something of the kernel's connection is half read or half written.
    std::atomic<uint32_t> is_busy = 0;
    /// The number of the process that serves: each that takes over counts it up, and those before it leave
    /// the connection alone.
    std::atomic<uint32_t> generation = 0;
    /// The number of the kernel's connection.
    uint32_t connection = 0;
    /// The process that serves while the root is assembled; 0: none.
    std::atomic<int> process_of_assembly = 0;
    /// Reads failed while the root was assembled.
    std::atomic<uint32_t> has_failed = 0;
    std::array<PendingRead, kMostRequests> pending = {};
    /// The request of FUSE that is being taken; of the smallest size that the kernel reads into.
    alignas(8) std::array<uint8_t, 8192> request = {};
    std::array<MirrorMemory, kMostMirrors> mirrors = {};
    uint64_t prefetched = 0; ///< so many of the pieces to prefetch are done with
    uint64_t requests = 0;   ///< to servers
    uint64_t bytes = 0;      ///< received
    uint64_t pieces = 0;     ///< that the kernel read
    uint64_t hits = 0;       ///< of them that were there
    uint64_t slowest = 0;    ///< answer, in milliseconds
    uint64_t losses = 0;
    uint64_t longest_loss = 0;                      ///< in milliseconds
    std::array<uint8_t, kPieceSize> beginning = {}; ///< of the file
    size_t slots = 0;
};

/// The shared memory: the state, the table of the cache's slots, and their contents.
class SharedMemory {
  public:
    /// `memory` is zeroed, and of the size that size_for gives.
    SharedMemory(std::shared_ptr<uint8_t> memory, size_t slots)
        : memory_(std::move(memory)), state_(new (memory_.get()) SharedState) {
        state_->slots = slots;
        for (size_t slot = 0; slot < slots; ++slot)
            new (&table()[slot]) Slot;
    }
    static size_t size_for(size_t slots) { return contents_at(slots) + slots * kPieceSize; }

    SharedState& state() const { return *state_; }
    size_t slots() const { return state_->slots; }
    Slot& slot(size_t number) const { return table()[number]; }
    uint8_t* contents(size_t number) const {
        return memory_.get() + contents_at(slots()) + number * kPieceSize;
    }

  private:
    static size_t contents_at(size_t slots) {
        constexpr size_t kPage = 4096;
        return (sizeof(SharedState) + slots * sizeof(Slot) + kPage - 1) / kPage * kPage;
    }
    Slot* table() const { return reinterpret_cast<Slot*>(memory_.get() + sizeof(SharedState)); }

    std::shared_ptr<uint8_t> memory_;
    SharedState* state_;
};

} // namespace mangrove::lazy
