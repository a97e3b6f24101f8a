#pragma once

#include "ctl/image_commands.h"

namespace mangrove::ctl {

/// Has the servers serve again what is recorded, publications and targets, after they were started anew. What
/// is there stays. One that fails does not keep the others from being restored.
Result<> restore(const Directories& directories);

} // namespace mangrove::ctl
