#pragma once

#include <chrono>
#include <filesystem>

#include "base/result.h"
#include "base/unique_fd.h"

namespace mangrove::head {

/// How long a run waits for another that has the records.
inline constexpr std::chrono::seconds kLockTimeout{60};

/// Holds a lock on the file (made where it is missing) as long as the descriptor lives, and writes into it
/// which process holds it. Waits up to `timeout` for another process; then the error names that one.
Result<UniqueFd> lock_records(const std::filesystem::path& path, std::chrono::seconds timeout);

} // namespace mangrove::head
