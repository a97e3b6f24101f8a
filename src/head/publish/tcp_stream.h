#pragma once

#include <chrono>
#include <string>

#include "base/unique_fd.h"
#include "nbd/negotiation.h"

namespace mangrove::head {

/// A connection to a server of this machine, which is asked whether it serves.
class TcpStream : public nbd::Stream {
  public:
    /// `reserved`: below 1024, as NFS servers want it of a client. Needs root; without it any port is taken.
    enum class OwnPort { any, reserved };
    /// `timeout` holds for connecting, and for each read and write. A port that nothing listens at is an
    /// error with the code ECONNREFUSED.
    static Result<TcpStream> connect(const std::string& host, uint16_t port, std::chrono::seconds timeout,
                                     OwnPort own = OwnPort::any);

    Result<Bytes> read(size_t count) override;
    Result<> write(ByteView bytes) override;

  private:
    explicit TcpStream(UniqueFd fd) : fd_(std::move(fd)) {}

    UniqueFd fd_;
};

} // namespace mangrove::head
