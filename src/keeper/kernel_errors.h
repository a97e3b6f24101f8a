#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "system/clock.h"

namespace mangrove {

/// A line of the kernel's log that reports a file system's failed read.
struct KernelError {
    std::optional<Time> time; ///< nothing where the kernel writes no times
    std::string text;
};

/// Returns the last such line about the device ("sda"), or about a squashfs, which does not name its device.
/// Ignores lines that programs wrote to the log, and failed reads of a device that no file system asked for.
std::optional<KernelError> last_file_system_error(std::string_view kernel_log, std::string_view device);

} // namespace mangrove
