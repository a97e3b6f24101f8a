#pragma once

#include <cstdint>
#include <memory>
#include <optional>

#include "base/result.h"
#include "base/text.h"
#include "base/unique_fd.h"

namespace mangrove {

/// The end of a command.
struct CommandEnd {
    uint64_t cookie = 0;
    int32_t result = 0; ///< a negative errno, or what the driver says
};

/// An io_uring(7) of commands to drivers (IORING_OP_URING_CMD), which only this process may use.
class CommandRing {
  public:
    /// `depth` is a power of two: so many commands can be under way.
    static Result<CommandRing> make(uint32_t depth);

    /// Can be read when a command has ended.
    const UniqueFd& descriptor() const { return ring_; }
    /// Hands a command to the driver of `file`. It has at most 80 bytes, and does not outlive this call.
    Result<> submit(int file, uint32_t operation, ByteView command, uint64_t cookie);
    std::optional<CommandEnd> take();
    /// Waits for the end of a command.
    Result<CommandEnd> wait();

  private:
    CommandRing() = default;
    Result<> enter(uint32_t submitted, uint32_t awaited);

    UniqueFd ring_;
    std::shared_ptr<uint8_t> counters_;
    std::shared_ptr<uint8_t> commands_;
    uint32_t* submitted_ = nullptr; ///< counts commands, as the two below count their ends
    uint32_t* taken_ = nullptr;
    uint32_t* ended_ = nullptr;
    uint32_t command_mask_ = 0;
    uint32_t end_mask_ = 0;
    uint8_t* ends_ = nullptr;
};

} // namespace mangrove
