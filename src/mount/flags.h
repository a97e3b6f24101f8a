#pragma once

#include <optional>
#include <string_view>

namespace mangrove {

/// The flag of mount(2) that an option of mount(8) stands for, 0 for one that means nothing to the
/// kernel ("rw", "defaults", "_netdev"); nothing for an option that goes to the file system.
std::optional<unsigned long> mount_flag(std::string_view option);

} // namespace mangrove
