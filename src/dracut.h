#pragma once

#include <string>
#include <vector>

namespace mangrove {

/// Runs `mangrove dracut`. Returns 0 when the root is on /sysroot, 1 when no root could be assembled, 2
/// outside of an initramfs.
int run_dracut(const std::vector<std::string>& arguments);

} // namespace mangrove
