#pragma once

#include <string>
#include <vector>

namespace mangrove {

/// Runs `mangrove post-health [--keep]`: posts the node's health once, or as mangrove-health.service does,
/// time and again. Returns 75 when the server was away, 1 when it refused.
int run_post_health(const std::vector<std::string>& arguments);

} // namespace mangrove
