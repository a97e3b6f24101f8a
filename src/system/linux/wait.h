#pragma once

#include <poll.h>
#include <span>

#include "base/result.h"
#include "system/clock.h"

namespace mangrove {

/// poll(2) until the deadline, whatever signals come between. True if a descriptor is ready, and its
/// `revents` say for what; false at the deadline. A deadline in the past looks without waiting.
Result<bool> wait_for_any(std::span<pollfd> descriptors, Deadline deadline);

} // namespace mangrove
