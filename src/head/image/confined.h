#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "base/result.h"
#include "head/host/progress.h"

namespace mangrove::head {

/// Makes the directory the root of the calling thread, which becomes an ordinary user with only the
/// capabilities that writing a tree of files needs. Where the machine allows it, device nodes, set-user-ID
/// bits and programs in the tree have no effect for the thread, and it has no network. Root's; it cannot be
/// taken back.
Result<> enter_confinement(const std::filesystem::path& directory);

using Advance = std::function<void(uint64_t bytes)>;

/// Runs `work` confined to the directory, in a child process that also has limits of memory and cannot start
/// another one. What `work` returns is returned; of the open files, only `descriptors` are open there. What
/// it is given tells the sink of bytes that are done.
Result<std::string> run_confined(const std::filesystem::path& directory, std::vector<int> descriptors,
                                 const std::function<Result<std::string>(const Advance& advance)>& work,
                                 Progress& progress);

} // namespace mangrove::head
