#pragma once

#include <optional>
#include <string_view>

namespace mangrove {

/// Returns the flag of mount(2) for an option of mount(8), 0 for an option without meaning to the kernel
/// ("rw", "defaults", "_netdev"), nothing for an option of the file system.
std::optional<unsigned long> mount_flag(std::string_view option);

} // namespace mangrove
