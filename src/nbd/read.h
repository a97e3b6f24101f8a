#pragma once

#include "nbd/negotiation.h"

namespace mangrove::nbd {

/// Reads the first `count` bytes of an export after the handshake, before the kernel gets the connection
/// (doc/proto.md of the NBD project, "Transmission phase", simple replies).
Result<Bytes> read_beginning(Stream& stream, uint32_t count);

} // namespace mangrove::nbd
