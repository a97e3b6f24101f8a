#pragma once

#include <string>
#include <vector>

namespace mangrove {

/// Runs `mangrove initramfs`. Returns 0 when the initramfs is written, 1 on failure, 2 for wrong arguments.
int run_initramfs(const std::vector<std::string>& arguments);

} // namespace mangrove
