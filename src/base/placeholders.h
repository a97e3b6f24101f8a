#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace mangrove {

/// The placeholders that a URL may contain, each replaced by the node's own value.
inline constexpr std::string_view kPlaceholders[] = {"{mac}", "{uuid}", "{serial}", "{hostname}", "{ip}"};

using PlaceholderValue = std::function<Result<std::string>(std::string_view placeholder)>;

/// Returns the text with its placeholders replaced by their values. A '{' without a known placeholder is an
/// error.
Result<std::string> fill_in(std::string_view written, const PlaceholderValue& value);

} // namespace mangrove
