#pragma once

#include <string>

#include "base/result.h"
#include "head/rollout/transitions.h"

namespace mangrove::head {

/// The largest post of a node's health.
inline constexpr size_t kMostBytesOfHealth = size_t(64) * 1024;

/// Reads what the health unit of a node posts, and decides whether the node is healthy:
///
///   boot_id       of the boot, as in its report
///   system        the word of `systemctl is-system-running`
///   failed_units  names of the units that failed
///   problems      those of `mangrove status --json`
///   programs      of /etc/mangrove/health.d: objects with `name`, `status` (the exit status) and `output`
///   (its
///                 first line; may be missing)
///
/// A node is healthy when systemd is `running`, or `degraded` only by units that the policy allows, when
/// there are no problems, and when all programs exited with 0. Other members are ignored, because newer
/// images may have them. Returns the event for the node; `why` names the first thing that is wrong.
Result<NodeEvent> health_event(const std::string& posted, const Policy& policy);

} // namespace mangrove::head
