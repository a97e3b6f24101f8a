#pragma once

#include <filesystem>
#include <string>

#include "base/json.h"
#include "base/result.h"

namespace mangrove::head {

/// Asks the API of mangrove-head on this machine (docs/openapi.yaml) for a list, of `nodes` only (a node
/// set).
Result<Json> ask_head(const std::filesystem::path& socket, const std::string& path, const std::string& nodes);

/// Has it do something with the nodes (POST).
Result<Json> tell_head(const std::filesystem::path& socket, const std::string& path,
                       const std::string& nodes);

} // namespace mangrove::head
