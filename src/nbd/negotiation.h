#pragma once

#include <cstdint>
#include <string>

#include "base/result.h"
#include "base/text.h"

namespace mangrove::nbd {

/// The server's end of a connection; an error when it is closed (with the code ECONNRESET) or silent.
class Stream {
  public:
    virtual ~Stream() = default;
    /// Just so many bytes.
    virtual Result<Bytes> read(size_t count) = 0;
    virtual Result<> write(ByteView bytes) = 0;
};

/// What the server says of an export, in the words of the NBD protocol.
struct Export {
    uint64_t size = 0;          ///< bytes
    uint16_t flags = 0;         ///< the transmission flags, as the kernel takes them
    uint32_t minimum_block = 1; ///< bytes, a power of two
    uint32_t preferred_block = 4096;
    uint32_t maximum_request = 0; ///< bytes; 0: the server names none

    bool is_read_only() const { return (flags & 0x02) != 0; }
    bool takes_several_connections() const { return (flags & 0x100) != 0; }
};

/// The handshake (doc/proto.md of the NBD project, "fixed newstyle negotiation"): after it the connection is
/// the kernel's. NBD_OPT_GO; NBD_OPT_EXPORT_NAME where the server does not know that. An export that is not
/// there is an error that lists those that are, as far as the server tells.
Result<Export> negotiate(Stream& stream, const std::string& export_name);

} // namespace mangrove::nbd
