#pragma once

#include "system/fuse_connections.h"

namespace mangrove {

class LinuxFuseConnections : public FuseConnections {
  public:
    Result<UniqueFd> open() override;
    Result<size_t> receive(const UniqueFd& connection, std::span<uint8_t> request) override;
    Result<> answer(const UniqueFd& connection, std::span<const ByteView> parts) override;
};

} // namespace mangrove
