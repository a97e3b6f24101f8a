#pragma once

#include <set>
#include <string>
#include <vector>

#include "machine/kernel_command_line.h"

namespace mangrove {

/// What the kernel command line says about loading modules. Parameters (`module.parameter=value`) are not
/// among it: libkmod reads those itself.
struct ModuleArguments {
    std::set<std::string> blacklist; ///< `modprobe.blacklist=`, `module_blacklist=`, `rd.driver.blacklist=`
    std::vector<std::string> first;  ///< `rd.driver.pre=`: before those of the devices
    std::vector<std::string> last;   ///< `rd.driver.post=`: after them
};

/// Names have "_" where "-" may be written, as the kernel shows them.
ModuleArguments module_arguments(const KernelCommandLine& command_line);

} // namespace mangrove
