#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "initramfs/module_set.h"

namespace mangrove {

/// A name of --drivers for many modules.
struct DriverSet {
    std::string_view name;
    std::vector<std::string> directories; ///< of the kernel's source, which vendors' trees keep
    std::vector<std::string> buses;       ///< of the aliases of a driver from elsewhere
    std::vector<std::string> others;      ///< modules that are in none of these directories
};

/// Returns null when there is no such set.
const DriverSet* find_driver_set(std::string_view name);

/// Returns whether a module belongs to the set: by its directory in the kernel's source, wherever that begins
/// in the path, or, for a module that did not come with the kernel, by its aliases and by the kernel's
/// functions that it calls.
bool is_of_driver_set(const DriverSet& set, const ModuleSet& modules, const std::string& path);

} // namespace mangrove
