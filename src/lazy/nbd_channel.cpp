#include "lazy/nbd_channel.h"

#include <array>
#include <cerrno>

#include "base/byte_order.h"
#include "system/network.h"

namespace mangrove::lazy {

namespace {

constexpr seconds kTimeToTransmit{60};
constexpr size_t kRequestSize = 28;
constexpr size_t kReplySize = 16;

enum class Command : uint16_t { read = 0, write = 1, disconnect = 2 };

uint64_t load_be64(const uint8_t* bytes) {
    return uint64_t{load_be32(bytes)} << 32 | load_be32(bytes + 4);
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

} // namespace

struct NbdChannel::Request {
    Command command = Command::read;
    KernelRead part;

    /// Nothing when it is no request.
    static std::optional<Request> parse(ByteView bytes) {
        constexpr uint32_t kMagic = 0x25609513;
        if (bytes.size() != kRequestSize || load_be32(bytes.data()) != kMagic) return std::nullopt;
        return Request{.command = static_cast<Command>(load_be16(&bytes[6])),
                       .part = {.cookie = load_be64(&bytes[8]),
                                .offset = load_be64(&bytes[16]),
                                .length = load_be32(&bytes[24])}};
    }
};

void NbdChannel::take(const Note& note) {
    Result<Bytes> bytes =
        system_.network().receive(connection_, kRequestSize, system_.now() + kTimeToTransmit);
    std::optional<Request> request = bytes ? Request::parse(*bytes) : std::nullopt;
    if (!bytes && bytes.error().code == ECONNRESET)
        end_ = ServingEnd::let_go;
    else if (!request)
        end_ = ServingEnd::broken;
    else
        handle(*request, note);
}

void NbdChannel::handle(const Request& request, const Note& note) {
    switch (request.command) {
    case Command::disconnect:
        end_ = ServingEnd::let_go;
        return;
    case Command::read:
        note(request.part);
        return;
    case Command::write:
        static_cast<void>(system_.network()
                              .receive(connection_, request.part.length, system_.now() + kTimeToTransmit)
                              .has_value());
        break;
    }
    refuse(request.part.cookie, KernelError::not_permitted);
}

bool NbdChannel::answer(PendingRead& read, std::span<const ByteView> data) {
    read.is_begun = true;
    send(reply_head(read.cookie, KernelError::none));
    if (end_) read.is_begun = false;
    for (ByteView part : data)
        if (!end_) send(part);
    return read.is_begun;
}

void NbdChannel::refuse(uint64_t cookie, KernelError error) {
    send(reply_head(cookie, error));
}

void NbdChannel::send(ByteView bytes) {
    Result<> sent = system_.network().send(connection_, bytes, system_.now() + kTimeToTransmit);
    if (!sent) end_ = sent.error().code == ECONNRESET ? ServingEnd::let_go : ServingEnd::broken;
}

} // namespace mangrove::lazy
