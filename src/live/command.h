#pragma once

#include <string>
#include <vector>

namespace mangrove {

/// Runs `mangrove files`, which systemd starts on a node whose definition has `files`: until it is ended.
int run_files(const std::vector<std::string>& arguments);

} // namespace mangrove
