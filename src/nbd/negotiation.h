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
    /// Reads exactly `count` bytes.
    virtual Result<Bytes> read(size_t count) = 0;
    virtual Result<> write(ByteView bytes) = 0;
};

/// The server's description of an export, in the words of the NBD protocol.
struct Export {
    uint64_t size = 0;          ///< bytes
    uint16_t flags = 0;         ///< the transmission flags, as the kernel takes them
    uint32_t minimum_block = 1; ///< bytes, a power of two
    uint32_t preferred_block = 4096;
    uint32_t maximum_request = 0; ///< bytes; 0: the server names none

    bool is_read_only() const { return (flags & 0x02) != 0; }
    bool takes_several_connections() const { return (flags & 0x100) != 0; }
};

/// Performs the handshake (doc/proto.md of the NBD project, "fixed newstyle negotiation"); afterwards the
/// connection is ready for the kernel. Uses NBD_OPT_GO, or NBD_OPT_EXPORT_NAME when the server does not
/// support that. When the export does not exist, the error lists the ones that do, if the server lists them.
Result<Export> negotiate(Stream& stream, const std::string& export_name);

} // namespace mangrove::nbd
