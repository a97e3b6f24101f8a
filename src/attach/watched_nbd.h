#pragma once

#include <memory>

#include "definition/definition.h"
#include "machine/watched_connection.h"
#include "system/network.h"

namespace mangrove {

struct NbdShape {
    size_t connections = 1;
    uint64_t size = 0;      ///< bytes
    IpAddress address = {}; ///< where the server was found
    bool is_read_only = false;
};

/// Returns how long I/O waits for a server that is away.
seconds nbd_dead_timeout(const definition::Nbd& wanted);

/// A device whose lost connections are replaced; an export that has another size now is refused, and a
/// read-only one that begins with other bytes.
std::shared_ptr<WatchedConnection> watch_nbd(definition::Nbd wanted, uint32_t device, NbdShape shape);

} // namespace mangrove
