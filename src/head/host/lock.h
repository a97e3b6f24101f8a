#pragma once

#include <chrono>
#include <filesystem>
#include <string>

#include "base/result.h"
#include "base/unique_fd.h"
#include "head/host/progress.h"

namespace mangrove::head {

/// How long a run waits for another that has the records.
inline constexpr std::chrono::seconds kLockTimeout{60};

/// Holds a lock on the file (made where it is missing) as long as the descriptor lives, and writes into it
/// which process holds it. Waits up to `timeout` for another process; then the error names that one.
Result<UniqueFd> lock_records(const std::filesystem::path& path, std::chrono::seconds timeout,
                              Progress& progress);
/// Lets others have it, and takes it again, however long that takes.
void release_records(const UniqueFd& lock);
Result<> lock_records_again(const UniqueFd& lock);
/// Whether a process has this lock.
bool is_locked(const std::filesystem::path& path);
/// "another mangrovectl (PID 7, `publish debian`, since 12 s) holds PATH"
std::string lock_holder(const std::filesystem::path& path);

} // namespace mangrove::head
