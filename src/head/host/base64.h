#pragma once

#include <string>
#include <string_view>

namespace mangrove::head {

std::string base64(std::string_view plain);
/// Returns an empty string where it is not base64.
std::string from_base64(std::string_view encoded);

} // namespace mangrove::head
