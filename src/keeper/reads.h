#pragma once

#include <string>

#include "keeper/keeper.h"

namespace mangrove {

/// Reads a page of the storage now and then until `end`, as the running system sees it, and writes to
/// `state_path` whether the server answers and whether the data is unchanged (docs/keeper.md). Ends the
/// machine as `mangrove.on_failure=` says when reads fail, or the data of a read-only file system has
/// changed, for minutes, and the running system has noticed. Waits for a server that is away.
void watch_reads(System& system, const Storage& storage, const std::string& state_path,
                 Deadline end = Deadline::max());

} // namespace mangrove
