#pragma once

#include "lazy/kernel_channel.h"
#include "system/system.h"

namespace mangrove::lazy {

/// The transmission phase of NBD with simple replies (doc/proto.md of the NBD project), from the server's
/// side.
class NbdChannel : public KernelChannel {
  public:
    NbdChannel(System& system, const UniqueFd& connection) : system_(system), connection_(connection) {}

    const UniqueFd& descriptor() const override { return connection_; }
    void take(const Note& note) override;
    bool answer(PendingRead& read, std::span<const ByteView> data) override;
    void refuse(uint64_t cookie, KernelError error) override;

  private:
    struct Request;
    void handle(const Request& request, const Note& note);
    void send(ByteView bytes);

    System& system_;
    const UniqueFd& connection_;
};

} // namespace mangrove::lazy
