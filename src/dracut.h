#pragma once

#include <string>
#include <vector>

namespace mangrove {

/// `mangrove dracut`: 0 when the root is on /sysroot, 1 when none could be assembled, 2 outside of an
/// initramfs.
int run_dracut(const std::vector<std::string>& arguments);

} // namespace mangrove
