#pragma once

#include <functional>
#include <optional>
#include <string>

#include "base/result.h"
#include "system/clock.h"

namespace mangrove {

/// Runs `action` in a child process, for a call of the kernel that may wait for ever and that only the end of
/// its caller ends. What it answers; nothing when it had to be killed at the deadline.
Result<std::optional<int>> run_until(Deadline deadline, const std::function<int()>& action);

/// The same for one that answers with a text.
Result<std::optional<std::string>> text_until(Deadline deadline, const std::function<std::string()>& action);

} // namespace mangrove
