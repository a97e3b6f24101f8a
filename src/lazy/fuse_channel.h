#pragma once

#include "lazy/kernel_channel.h"
#include "system/system.h"

struct fuse_in_header;

namespace mangrove::lazy {

/// A file system of FUSE that is one file (linux/fuse.h), from the server's side: of the requests, those that
/// a reader of a file makes. A request is read into the shared memory, and stays there until it is noted or
/// answered.
class FuseChannel : public KernelChannel {
  public:
    FuseChannel(System& system, SharedState& state, const UniqueFd& connection, uint64_t size)
        : system_(system), state_(state), connection_(connection), size_(size) {}

    const UniqueFd& descriptor() const override { return connection_; }
    bool has_left() const override;
    void take(const Note& note) override;
    bool answer(PendingRead& read, std::span<const ByteView> data) override;
    void refuse(uint64_t cookie, KernelError error) override;

  private:
    template <typename Struct>
    Struct part_of_request(size_t offset) const;
    void handle(const fuse_in_header& head, const Note& note);
    template <typename Struct>
    void reply(uint64_t cookie, const Struct& answer);
    bool send(uint64_t cookie, KernelError error, std::span<const ByteView> data);

    System& system_;
    SharedState& state_;
    const UniqueFd& connection_;
    uint64_t size_;
};

} // namespace mangrove::lazy
