#pragma once

#include <string>

#include "base/result.h"
#include "net/lease.h"
#include "system/kernel_command_line.h"

namespace mangrove {

/// The text of the definition that the root-path of a lease (DHCP option 17) stands for: the root, read-only
/// under an overlay, or as dracut's arguments beside `root=dhcp` have it. A server that the root-path leaves
/// out is the lease's `next_server`, else its server. The error says nothing of a password that stands in the
/// root-path.
Result<std::string> definition_from_root_path(const Lease& lease, const KernelCommandLine& command_line = {});

} // namespace mangrove
