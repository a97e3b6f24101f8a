#include "lazy/ublk_channel.h"

#include <cerrno>

namespace mangrove::lazy {

void UblkChannel::take(const Note& note) {
    Result<std::optional<UblkRequest>> request = queue_.take();
    if (!request) {
        end_ = request.error().code == ENODEV ? ServingEnd::let_go : ServingEnd::broken;
        return;
    }
    if (!*request) return;
    const UblkRequest& wanted = **request;
    if (!wanted.is_read) return refuse(wanted.tag, KernelError::not_permitted);
    note({.cookie = wanted.tag, .offset = wanted.offset, .length = wanted.length});
}

bool UblkChannel::answer(PendingRead& read, std::span<const ByteView> data) {
    if (queue_.answer(static_cast<uint16_t>(read.cookie), data)) return true;
    end_ = ServingEnd::broken;
    return false;
}

void UblkChannel::refuse(uint64_t cookie, KernelError error) {
    if (!queue_.refuse(static_cast<uint16_t>(cookie), static_cast<int>(error))) end_ = ServingEnd::broken;
}

} // namespace mangrove::lazy
