#pragma once

#include "base/result.h"
#include "base/unique_fd.h"
#include "definition/definition.h"
#include "nbd/negotiation.h"
#include "system/network.h"
#include "system/system.h"

namespace mangrove {

/// A connection that is past the handshake, ready for the kernel.
struct NbdConnection {
    IpAddress address;
    UniqueFd socket;
    nbd::Export found;
};

Result<NbdConnection> connect_nbd(System& system, const definition::Nbd& wanted, const IpAddress& address);
/// Connects to the first address of the host that has the export.
Result<NbdConnection> connect_nbd(System& system, const definition::Nbd& wanted);

/// Reads the first bytes of the export, before the kernel gets the connection.
Result<Bytes> read_beginning(System& system, const NbdConnection& connection, uint32_t count);

} // namespace mangrove
