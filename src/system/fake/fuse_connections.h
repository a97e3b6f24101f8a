#pragma once

#include <queue>

#include "system/fake/transcript.h"
#include "system/fuse_connections.h"

namespace mangrove {

/// A connection to a kernel whose requests the test gives.
class FakeFuseConnections : public FuseConnections {
  public:
    explicit FakeFuseConnections(Transcript& transcript) : transcript_(transcript) {}

    /// The requests of the kernel, one after the other. Afterwards nothing uses the mount any more.
    std::queue<Bytes> requests;
    /// The answers, in their order.
    std::vector<Bytes> answers;
    /// The errno with which the kernel takes the next answers.
    int refusal = 0;

    Result<UniqueFd> open() override;
    Result<size_t> receive(const UniqueFd& connection, std::span<uint8_t> request) override;
    Result<> answer(const UniqueFd& connection, std::span<const ByteView> parts) override;

  private:
    Transcript& transcript_;
};

} // namespace mangrove
