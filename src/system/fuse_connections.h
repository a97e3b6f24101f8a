#pragma once

#include <span>

#include "base/result.h"
#include "base/text.h"
#include "base/unique_fd.h"

namespace mangrove {

/// The seam to the kernel's client of FUSE (linux/fuse.h). A mount of the type `fuse` gets a connection with
/// its option `fd`; whoever has the connection open is its server. The module must be loaded.
class FuseConnections {
  public:
    virtual ~FuseConnections() = default;

    virtual Result<UniqueFd> open() = 0;
    /// Reads a request of the kernel's; nothing of it is lost when this process is killed meanwhile: it is
    /// the kernel's still, or whole in `request`. Returns its size; 0 when there is none. ENODEV: nothing
    /// uses the mount any more.
    virtual Result<size_t> receive(const UniqueFd& connection, std::span<uint8_t> request) = 0;
    /// Answers a request, whole or not at all. ENOENT: the kernel has its answer already.
    virtual Result<> answer(const UniqueFd& connection, std::span<const ByteView> parts) = 0;
};

} // namespace mangrove
