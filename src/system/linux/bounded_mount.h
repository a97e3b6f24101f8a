#pragma once

#include "base/result.h"
#include "system/system.h"

namespace mangrove {

/// mount(2) as a child process that is killed at the deadline: a file system whose server keeps silent holds
/// its caller for minutes, and no call of the kernel ends that earlier. The errno, or 0; ETIMEDOUT at the
/// deadline. The target must not be a mount point already.
Result<int> mount_until(const MountRequest& request, Deadline deadline);

/// mount(2); the errno, or 0.
int mount_now(const MountRequest& request);

} // namespace mangrove
