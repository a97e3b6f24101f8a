#pragma once

#include <optional>
#include <string>

#include "net/bring_up.h"

namespace mangrove {

/// The URL with its placeholders (base/placeholders.h) replaced by what they are on this node, so encoded
/// that each may be a part of a path.
Result<std::string> node_url(System& system, const std::optional<NetworkConfiguration>& network,
                             std::string_view written);

} // namespace mangrove
