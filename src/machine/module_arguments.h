#pragma once

#include <set>
#include <string>
#include <vector>

#include "machine/kernel_command_line.h"

namespace mangrove {

/// The arguments of the kernel command line about loading modules, without parameters
/// (`module.parameter=value`), which libkmod reads itself.
struct ModuleArguments {
    std::set<std::string> blacklist; ///< `modprobe.blacklist=`, `module_blacklist=`, `rd.driver.blacklist=`
    std::vector<std::string> first;  ///< `rd.driver.pre=`: before those of the devices
    std::vector<std::string> last;   ///< `rd.driver.post=`: after them
};

/// Names have "_" where "-" may be written, as the kernel shows them.
ModuleArguments module_arguments(const KernelCommandLine& command_line);

} // namespace mangrove
