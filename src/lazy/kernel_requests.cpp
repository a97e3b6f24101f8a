#include "lazy/kernel_requests.h"

#include "base/byte_order.h"

namespace mangrove::lazy {

static uint64_t load_be64(const uint8_t* bytes) {
    return uint64_t{load_be32(bytes)} << 32 | load_be32(bytes + 4);
}

std::optional<KernelRequest> parse_request(ByteView bytes) {
    constexpr uint32_t kMagic = 0x25609513;
    if (bytes.size() != kRequestSize || load_be32(bytes.data()) != kMagic) return std::nullopt;
    return KernelRequest{.command = static_cast<KernelRequest::Command>(load_be16(&bytes[6])),
                         .cookie = load_be64(&bytes[8]),
                         .offset = load_be64(&bytes[16]),
                         .length = load_be32(&bytes[24])};
}

std::array<uint8_t, kReplySize> reply_head(uint64_t cookie, KernelError error) {
    constexpr uint32_t kMagic = 0x67446698;
    std::array<uint8_t, kReplySize> reply = {};
    store_be32(reply.data(), kMagic);
    store_be32(&reply[4], static_cast<uint32_t>(error));
    store_be32(&reply[8], static_cast<uint32_t>(cookie >> 32));
    store_be32(&reply[12], static_cast<uint32_t>(cookie));
    return reply;
}

} // namespace mangrove::lazy
