#pragma once

#include <optional>
#include <string>

#include "net/bring_up.h"

namespace mangrove {

/// Returns the URL with its placeholders (base/placeholders.h) replaced by this node's values, encoded so
/// that each may be a part of a path.
Result<std::string> node_url(System& system, const std::optional<NetworkConfiguration>& network,
                             std::string_view written);

} // namespace mangrove
