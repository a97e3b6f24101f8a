#pragma once

#include "system/network.h"

namespace mangrove {

/// A packet socket (packet(7)) for DHCP on one link, which works without an address. The kernel filters out
/// all but UDP packets to port 68.
class DhcpSocket {
  public:
    static Result<DhcpSocket> open(const Link& link);

    Result<> broadcast(ByteView message);
    /// Nothing when no packet waits, or when the one that did was damaged. Never blocks.
    Result<std::optional<Bytes>> receive();
    int fd() const { return fd_.get(); }

  private:
    DhcpSocket(UniqueFd fd, const Link& link)
        : fd_(std::move(fd)), link_index_(link.index), link_name_(link.name), broadcast_(link.broadcast) {}

    UniqueFd fd_;
    int link_index_;
    std::string link_name_;
    Bytes broadcast_; ///< of the hardware: InfiniBand's depends on the partition
};

} // namespace mangrove
