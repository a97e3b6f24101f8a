#pragma once

#include <string>

#include "keeper/keeper.h"

namespace mangrove {

/// Reads a page of the storage now and then until `end`, as the running system sees it, and writes to
/// `state_path` whether it answers, and with what it held before (docs/keeper.md). Where the reads fail, or
/// the data of a read-only file system has changed, for minutes, and the running system has met with it, the
/// machine is ended as `mangrove.on_failure=` says. A server that is away is waited for.
void watch_reads(System& system, const Storage& storage, const std::string& state_path,
                 Deadline end = Deadline::max());

} // namespace mangrove
