#pragma once

#include <string>

#include "machine/watched_connection.h"
#include "system/system.h"

namespace mangrove {

/// Watches the connection until `end` and writes its state to `state_path`, every few seconds while all is
/// well. Keeps looking for one that the kernel no longer reports.
void keep(System& system, WatchedConnection& connection, const std::string& state_path,
          Deadline end = Deadline::max());

} // namespace mangrove
