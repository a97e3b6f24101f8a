#pragma once

#include <string>

#include "base/result.h"
#include "machine/kernel_command_line.h"
#include "net/lease.h"

namespace mangrove {

/// Returns the definition that the root-path of a lease (DHCP option 17) describes: the root, read-only under
/// an overlay, or as dracut's arguments beside `root=dhcp` say. A missing server is the lease's
/// `next_server`, else its server. The error contains no password of the root-path.
Result<std::string> definition_from_root_path(const Lease& lease, const KernelCommandLine& command_line = {});

} // namespace mangrove
