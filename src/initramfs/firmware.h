#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "initramfs/archive.h"
#include "initramfs/module_set.h"

namespace mangrove {

/// Adds the firmware that a module names from the places where the kernel looks for it
/// (drivers/base/firmware_loader/main.c: lib/firmware/updates/VERSION, lib/firmware/updates,
/// lib/firmware/VERSION, lib/firmware; plain, .zst or .xz). Returns the names that were not found.
Result<std::vector<std::string>> add_firmware(ArchiveEntries& entries, const ModuleTree& tree,
                                              const std::string& module,
                                              const std::vector<std::string>& names);

} // namespace mangrove
