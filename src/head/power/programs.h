#pragma once

#include <string>
#include <string_view>

#include "head/power/device.h"

/// The programs that switch power: ipmitool and powerman, and their words.
namespace mangrove::head {

/// Reads the standard output of `ipmitool chassis power status`.
PowerState ipmitool_state(std::string_view printed);
/// Returns why ipmitool failed, with a remedy, from its standard error.
std::string ipmitool_problem(std::string_view said, const Bmc& bmc);

/// Reads the standard output of `powerman -q` for one node.
PowerState powerman_state(std::string_view printed);
std::string powerman_problem(std::string_view said, const Bmc& bmc);

} // namespace mangrove::head
