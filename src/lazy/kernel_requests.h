#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "base/text.h"

// The transmission phase of NBD with simple replies (doc/proto.md of the NBD project), from the server's
// side.

namespace mangrove::lazy {

inline constexpr size_t kRequestSize = 28;
inline constexpr size_t kReplySize = 16;

struct KernelRequest {
    enum class Command : uint16_t { read = 0, write = 1, disconnect = 2 };
    Command command = Command::read;
    uint64_t cookie = 0;
    uint64_t offset = 0;
    uint32_t length = 0;
};

/// In the numbers of the protocol.
enum class KernelError : uint32_t { none = 0, not_permitted = 1, io = 5, invalid = 22 };

/// Nothing when it is no request.
std::optional<KernelRequest> parse_request(ByteView bytes);
std::array<uint8_t, kReplySize> reply_head(uint64_t cookie, KernelError error);

} // namespace mangrove::lazy
