#pragma once

#include "nbd/negotiation.h"

namespace mangrove::nbd {

/// Reads the first `count` bytes of an export over a connection that the handshake is done on and that the
/// kernel does not have yet (doc/proto.md of the NBD project, "Transmission phase", simple replies).
Result<Bytes> read_beginning(Stream& stream, uint32_t count);

} // namespace mangrove::nbd
