#include "system/linux/command_ring.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <linux/io_uring.h>
#include <numeric>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "system/linux/mapping.h"

namespace mangrove {

namespace {

constexpr size_t kCommandSize = 128; ///< of IORING_SETUP_SQE128
constexpr int kReadWrite = PROT_READ | PROT_WRITE;
constexpr size_t kCommandAt = 48; ///< of the driver's own part of it

uint32_t load(const uint32_t* counter) {
    return __atomic_load_n(counter, __ATOMIC_ACQUIRE);
}

void add_one(uint32_t* counter) {
    __atomic_store_n(counter, *counter + 1, __ATOMIC_RELEASE);
}

} // namespace

Result<CommandRing> CommandRing::make(uint32_t depth) {
    constexpr std::string_view kOperation = "making an io_uring";
    io_uring_params parameters = {};
    parameters.flags = IORING_SETUP_SQE128;
    CommandRing ring;
    ring.ring_.reset(static_cast<int>(::syscall(SYS_io_uring_setup, depth, &parameters)));
    if (!ring.ring_.is_open()) return system_error(errno, kOperation);
    // Kernels with this size of commands have both queues in one mapping (IORING_FEAT_SINGLE_MMAP).
    const io_sqring_offsets& submissions = parameters.sq_off;
    const io_cqring_offsets& ends = parameters.cq_off;
    size_t size = std::max(submissions.array + parameters.sq_entries * sizeof(uint32_t),
                           ends.cqes + parameters.cq_entries * sizeof(io_uring_cqe));
    ring.counters_ = TRY(map_file(ring.ring_, IORING_OFF_SQ_RING, size, kReadWrite), kOperation);
    ring.commands_ = TRY(
        map_file(ring.ring_, IORING_OFF_SQES, parameters.sq_entries * kCommandSize, kReadWrite), kOperation);
    uint8_t* start = ring.counters_.get();
    auto number_at = [&](uint32_t offset) { return reinterpret_cast<uint32_t*>(start + offset); };
    ring.submitted_ = number_at(submissions.tail);
    ring.taken_ = number_at(ends.head);
    ring.ended_ = number_at(ends.tail);
    ring.command_mask_ = *number_at(submissions.ring_mask);
    ring.end_mask_ = *number_at(ends.ring_mask);
    ring.ends_ = start + ends.cqes;
    // Each place of the queue has the command with its number, for ever.
    std::iota(number_at(submissions.array), number_at(submissions.array) + parameters.sq_entries, 0U);
    return ring;
}

Result<> CommandRing::submit(int file, uint32_t operation, ByteView command, uint64_t cookie) {
    uint8_t* place = commands_.get() + (*submitted_ & command_mask_) * kCommandSize;
    io_uring_sqe head = {};
    head.opcode = IORING_OP_URING_CMD;
    head.fd = file;
    head.cmd_op = operation;
    head.user_data = cookie;
    std::memset(place, 0, kCommandSize);
    std::memcpy(place, &head, kCommandAt);
    std::memcpy(place + kCommandAt, command.data(), command.size());
    add_one(submitted_);
    return enter(1, 0);
}

Result<> CommandRing::enter(uint32_t submitted, uint32_t awaited) {
    for (;;) {
        long taken = ::syscall(SYS_io_uring_enter, ring_.get(), submitted, awaited,
                               awaited > 0 ? IORING_ENTER_GETEVENTS : 0, nullptr, 0);
        if (taken == static_cast<long>(submitted)) return {};
        if (taken >= 0 || (errno != EINTR && errno != EAGAIN && errno != EBUSY))
            return system_error(taken < 0 ? errno : EIO, "handing a command to a driver");
    }
}

std::optional<CommandEnd> CommandRing::take() {
    if (*taken_ == load(ended_)) return std::nullopt;
    io_uring_cqe end;
    std::memcpy(&end, ends_ + (*taken_ & end_mask_) * sizeof end, sizeof end);
    add_one(taken_);
    return CommandEnd{.cookie = end.user_data, .result = end.res};
}

Result<CommandEnd> CommandRing::wait() {
    for (;;) {
        if (std::optional<CommandEnd> end = take()) return *end;
        TRY(enter(0, 1));
    }
}

} // namespace mangrove
