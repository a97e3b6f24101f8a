#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace mangrove {

/// What may stand in a URL for what it is on each node.
inline constexpr std::string_view kPlaceholders[] = {"{mac}", "{uuid}", "{serial}", "{hostname}", "{ip}"};

using PlaceholderValue = std::function<Result<std::string>(std::string_view placeholder)>;

/// The text with its placeholders replaced by their values; a '{' that begins none is an error.
Result<std::string> fill_in(std::string_view written, const PlaceholderValue& value);

} // namespace mangrove
