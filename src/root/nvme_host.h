#pragma once

#include "base/result.h"
#include "root/root.h"

namespace mangrove {

/// Writes the names under which the kernel is connected to NVMe targets into the root's /etc/nvme/hostnqn and
/// /etc/nvme/hostid, where it has an nvme-cli: the kernel refuses connections in which one of the two belongs
/// to another partner. The files of an image that many nodes boot would be the same on all of them.
Result<> hand_over_nvme_host(System& system, Root& root);

} // namespace mangrove
