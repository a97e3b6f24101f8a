#pragma once

#include <linux/netlink.h>
#include <optional>
#include <vector>

#include "base/result.h"
#include "base/text.h"
#include "base/unique_fd.h"
#include "system/clock.h"

namespace mangrove {

// Netlink as netlink(7) has it: messages of a fixed header and attributes, padded to four bytes.

/// Attributes that are the value of another one.
class NetlinkAttributes {
  public:
    void add(uint16_t type, ByteView value);
    void add(uint16_t type, uint32_t value) {
        add(type, {reinterpret_cast<const uint8_t*>(&value), sizeof value});
    }
    const Bytes& bytes() const { return bytes_; }

  private:
    Bytes bytes_;
};

/// A request to the kernel, put together in the order of the calls.
class NetlinkRequest {
  public:
    /// `flags` are NLM_F_… besides NLM_F_REQUEST.
    NetlinkRequest(uint16_t type, uint16_t flags) : type_(type), flags_(flags) {}

    /// The fixed structure of this type of request (struct ifinfomsg, …), before any attribute.
    template <typename Header>
    NetlinkRequest& header(const Header& fixed) {
        append({reinterpret_cast<const uint8_t*>(&fixed), sizeof fixed});
        return *this;
    }
    NetlinkRequest& attribute(uint16_t type, ByteView value);
    /// In the machine's byte order, as rtnetlink has its numbers.
    NetlinkRequest& attribute(uint16_t type, uint32_t value) {
        return attribute(type, {reinterpret_cast<const uint8_t*>(&value), sizeof value});
    }
    NetlinkRequest& attribute(uint16_t type, uint64_t value) {
        return attribute(type, {reinterpret_cast<const uint8_t*>(&value), sizeof value});
    }
    Bytes finish(uint32_t sequence, uint16_t more_flags) const;

  private:
    void append(ByteView part);

    uint16_t type_;
    uint16_t flags_;
    Bytes payload_;
};

/// A message from the kernel: its type and what follows struct nlmsghdr.
struct NetlinkMessage {
    uint16_t type = 0;
    uint16_t flags = 0;
    uint32_t sequence = 0;
    Bytes payload;

    /// The fixed structure at the beginning; nothing when the message is too short.
    template <typename Header>
    std::optional<Header> header() const {
        if (payload.size() < sizeof(Header)) return std::nullopt;
        Header fixed;
        __builtin_memcpy(&fixed, payload.data(), sizeof fixed);
        return fixed;
    }
    /// Returns the bytes behind a fixed structure of that size.
    ByteView attributes(size_t header_size) const;
};

/// The messages in one datagram. What is cut short is an error.
Result<std::vector<NetlinkMessage>> split_netlink(ByteView datagram);
/// The value of the first attribute of this type, without the flags in the type; nothing when there is none.
std::optional<ByteView> find_attribute(ByteView attributes, uint16_t type);
std::optional<uint32_t> find_number(ByteView attributes, uint16_t type);
std::string find_text(ByteView attributes, uint16_t type);

class NetlinkSocket {
  public:
    /// `protocol` is NETLINK_…; `groups` is a bit mask of RTMGRP_…, 0 for a socket that only asks.
    static Result<NetlinkSocket> open(int protocol, uint32_t groups);

    /// Sends a request and waits for the kernel to acknowledge it. The error names `operation`, and carries
    /// the kernel's own words where it has some.
    Result<> execute(const NetlinkRequest& request, const std::string& operation);
    /// Like `execute`, for a request that has one message as its answer.
    Result<NetlinkMessage> ask(const NetlinkRequest& request, const std::string& operation);
    /// All messages that answer a request with NLM_F_DUMP.
    Result<std::vector<NetlinkMessage>> dump(const NetlinkRequest& request, const std::string& operation);
    /// Takes what has come by itself and throws it away. True if there was anything, or if the kernel had to
    /// drop something.
    Result<bool> drain();
    /// Hears what the kernel tells this group (of a generic family) from here on.
    Result<> join(uint32_t group);
    /// Returns the kernel's next messages; none at the deadline. Messages that the kernel had to drop go
    /// unnoticed.
    Result<std::vector<NetlinkMessage>> next(Deadline deadline);
    int fd() const { return fd_.get(); }

  private:
    explicit NetlinkSocket(UniqueFd fd) : fd_(std::move(fd)) {}
    Result<> transmit(const Bytes& request, const std::string& operation);
    Result<std::vector<NetlinkMessage>> receive(const std::string& operation);

    UniqueFd fd_;
    uint32_t sequence_ = 0;
};

} // namespace mangrove
