#include "lazy/fuse_channel.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <linux/fuse.h>
#include <sys/stat.h>
#include <vector>

#include "system/fuse_connections.h"

namespace mangrove::lazy {

namespace {

constexpr uint32_t kMinor = 31; ///< of the protocol's version 7
/// Reads of the loop device go on side by side, and each can have many pages.
constexpr uint32_t kFlags = FUSE_ASYNC_READ | FUSE_ASYNC_DIO | FUSE_MAX_PAGES;
constexpr uint16_t kMostPages = 256;
constexpr uint16_t kMostInBackground = 64;
constexpr uint32_t kSmallestWrite = 4096;        ///< that can be asked for
constexpr uint64_t kForEver = uint64_t{1} << 31; ///< seconds

fuse_attr_out attributes(uint64_t size) {
    fuse_attr_out out = {};
    out.attr_valid = kForEver;
    out.attr.ino = FUSE_ROOT_ID;
    out.attr.size = size;
    out.attr.blocks = size / 512;
    out.attr.mode = S_IFREG | 0444;
    out.attr.nlink = 1;
    return out;
}

fuse_init_out agreement() {
    fuse_init_out out = {};
    out.major = FUSE_KERNEL_VERSION;
    out.minor = kMinor;
    out.flags = kFlags;
    out.max_background = kMostInBackground;
    out.congestion_threshold = kMostInBackground;
    out.max_write = kSmallestWrite;
    out.max_pages = kMostPages;
    return out;
}

template <typename Struct>
ByteView bytes_of(const Struct& value) {
    return {reinterpret_cast<const uint8_t*>(&value), sizeof value};
}

} // namespace

template <typename Struct>
Struct FuseChannel::part_of_request(size_t offset) const {
    Struct part;
    std::memcpy(&part, &state_.request[offset], sizeof part);
    return part;
}

bool FuseChannel::has_left() const {
    return part_of_request<fuse_in_header>(0).len != 0;
}

void FuseChannel::take(const Note& note) {
    if (!has_left()) {
        Result<size_t> size = system_.fuse_connections().receive(connection_, state_.request);
        if (!size) end_ = size.error().code == ENODEV ? ServingEnd::let_go : ServingEnd::broken;
        if (!size || *size == 0) return;
    }
    handle(part_of_request<fuse_in_header>(0), note);
    std::fill_n(state_.request.begin(), sizeof(fuse_in_header), uint8_t{0});
}

void FuseChannel::handle(const fuse_in_header& head, const Note& note) {
    switch (head.opcode) {
    case FUSE_INIT:
        return reply(head.unique, agreement());
    case FUSE_GETATTR:
        return reply(head.unique, attributes(size_));
    case FUSE_OPEN:
        return reply(head.unique, fuse_open_out{.fh = 0, .open_flags = FOPEN_KEEP_CACHE, .padding = 0});
    case FUSE_READ: {
        auto read = part_of_request<fuse_read_in>(sizeof head);
        // An earlier process may have died between its note and the end of the request.
        bool is_noted = std::ranges::any_of(state_.pending, [&](const PendingRead& pending) {
            return pending.length != 0 && pending.cookie == head.unique;
        });
        if (!is_noted) note({.cookie = head.unique, .offset = read.offset, .length = read.size});
        return;
    }
    case FUSE_STATFS:
        return reply(head.unique, fuse_statfs_out{});
    case FUSE_RELEASE:
        return refuse(head.unique, KernelError::none);
    case FUSE_FORGET:
    case FUSE_BATCH_FORGET: // have no answer
        return;
    default:
        return refuse(head.unique, KernelError::unknown);
    }
}

bool FuseChannel::answer(PendingRead& read, std::span<const ByteView> data) {
    return send(read.cookie, KernelError::none, data);
}

void FuseChannel::refuse(uint64_t cookie, KernelError error) {
    send(cookie, error, {});
}

template <typename Struct>
void FuseChannel::reply(uint64_t cookie, const Struct& answer) {
    ByteView data = bytes_of(answer);
    send(cookie, KernelError::none, {&data, 1});
}

/// True when the kernel has the answer, or does not wait for it any more.
bool FuseChannel::send(uint64_t cookie, KernelError error, std::span<const ByteView> data) {
    fuse_out_header head = {.len = sizeof head, .error = -static_cast<int32_t>(error), .unique = cookie};
    std::vector<ByteView> parts = {bytes_of(head)};
    for (ByteView part : data) {
        parts.push_back(part);
        head.len += static_cast<uint32_t>(part.size());
    }
    Result<> sent = system_.fuse_connections().answer(connection_, parts);
    if (sent || sent.error().code == ENOENT) return true;
    end_ = sent.error().code == ENODEV ? ServingEnd::let_go : ServingEnd::broken;
    return false;
}

} // namespace mangrove::lazy
