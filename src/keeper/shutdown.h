#pragma once

#include "keeper/keeper.h"

namespace mangrove {

/// Gives systemd the units by which it tells that it shuts down, without running a program for it (the root
/// may be away): FIFOs that it makes when it starts and removes when it begins to stop.
Result<> write_shutdown_units(System& system);

/// Follows these FIFOs, and ends a machine that shuts down while one of `storage`, which has answered before,
/// has not for a minute. When all that can be written is, what waits for the charges' disks fails: the
/// kernel, too, would wait for them for ever.
void end_without_root(System& system, const std::vector<Storage>& storage,
                      const std::vector<std::shared_ptr<Charge>>& charges);

} // namespace mangrove
