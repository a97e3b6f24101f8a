#pragma once

#include "system/network.h"

namespace mangrove {

/// A UDP socket for DHCPv6 on one link, which must have its link-local address.
class Dhcp6Socket {
  public:
    static Result<Dhcp6Socket> open(const Link& link);

    /// To all servers and relays on the link (ff02::1:2).
    Result<> send_to_servers(ByteView message);
    /// Nothing when no message waits. Never blocks.
    Result<std::optional<Bytes>> receive();
    int fd() const { return fd_.get(); }

  private:
    Dhcp6Socket(UniqueFd fd, const Link& link)
        : fd_(std::move(fd)), link_index_(link.index), link_name_(link.name) {}

    UniqueFd fd_;
    int link_index_;
    std::string link_name_;
};

} // namespace mangrove
