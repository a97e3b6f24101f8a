#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "system/clock.h"

namespace mangrove {

/// A line of the kernel's log that tells of a file system that could not read.
struct KernelError {
    std::optional<Time> time; ///< nothing where the kernel writes no times
    std::string text;
};

/// The last such line about the device ("sda"), or about a squashfs, which does not say where it is. What
/// programs have written to the log does not count, nor does a failed read of a device that no file system
/// asked for.
std::optional<KernelError> last_file_system_error(std::string_view kernel_log, std::string_view device);

} // namespace mangrove
