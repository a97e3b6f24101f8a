#pragma once

#include <string>
#include <string_view>

namespace mangrove::definition {

/// A definition for everybody to read, on one line: "…" stands in the place of each password and key, and of
/// the credentials and the query of each URL. Empty when it is no JSON object.
std::string masked(std::string_view written);

} // namespace mangrove::definition
