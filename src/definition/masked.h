#pragma once

#include <string>
#include <string_view>

namespace mangrove::definition {

/// Returns a definition without its secrets, on one line: "…" replaces each password and key, and the
/// credentials and the query of each URL. Empty when it is not a JSON object.
std::string masked(std::string_view written);

} // namespace mangrove::definition
