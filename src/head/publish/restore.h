#pragma once

#include "base/result.h"
#include "head/host/directories.h"

namespace mangrove::head {

/// Has the servers serve again what is recorded, publications and targets, after they were started anew. What
/// is there stays. One that fails does not keep the others from being restored.
Result<> restore(const Directories& directories);

} // namespace mangrove::head
