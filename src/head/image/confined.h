#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "base/result.h"
#include "head/host/progress.h"

namespace mangrove::head {

/// The rights of a confined thread in the directory: to write a tree of files into it, with owners and device
/// nodes, or only read what all users can read.
enum class Confined { to_write, to_read };

/// Makes the directory the root of the calling thread, which becomes an ordinary user with only the
/// capabilities that it needs for that. Where the machine allows it, device nodes, set-user-ID bits and
/// programs in the tree have no effect for the thread, and it has no network. Root's, except to read; it
/// cannot be taken back.
Result<> enter_confinement(const std::filesystem::path& directory, Confined purpose = Confined::to_write);

using Advance = std::function<void(uint64_t bytes)>;

/// Runs `work` confined to the directory, in a child process that also has limits of memory and cannot start
/// another one. What `work` returns is returned; of the open files, only `descriptors` are open there. What
/// it is given tells the sink of bytes that are done.
Result<std::string> run_confined(const std::filesystem::path& directory, std::vector<int> descriptors,
                                 const std::function<Result<std::string>(const Advance& advance)>& work,
                                 Progress& progress);

} // namespace mangrove::head
