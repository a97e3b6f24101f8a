#pragma once

#include "keeper/keeper.h"

namespace mangrove {

/// Writes the systemd units that announce a shutdown without running a program (the root may be away): FIFOs
/// that systemd makes when it starts and removes when it begins to stop.
Result<> write_shutdown_units(System& system);

/// Follows these FIFOs, and ends a machine that shuts down while one of `storage`, which answered before, has
/// not answered for a minute. After writing out all that can be written, makes I/O that waits for the
/// connections' disks fail: the kernel, too, would wait for them for ever.
void end_without_root(System& system, const std::vector<Storage>& storage,
                      const std::vector<std::shared_ptr<WatchedConnection>>& connections);

} // namespace mangrove
