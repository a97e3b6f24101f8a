#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "initramfs/module_set.h"

namespace mangrove {

/// In the words of the command line.
struct ModuleWishes {
    std::vector<std::string> cards = {"virtio"};
    std::vector<std::string> drivers;     ///< names of modules, or of sets of them
    std::vector<std::string> transports;  ///< empty: all that the kernel has
    std::vector<std::string> filesystems; ///< empty: the usual ones that the kernel has
};

/// Chooses among the modules of one kernel. Warns on standard error when a module of a default choice is
/// missing.
Result<ModuleSet> choose_modules(const ModuleTree& tree, const ModuleWishes& wishes);

} // namespace mangrove
