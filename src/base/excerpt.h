#pragma once

#include <string>
#include <string_view>

namespace mangrove {

/// Returns the begin of a text of any content, for the console.
std::string excerpt(std::string_view whole);

} // namespace mangrove
