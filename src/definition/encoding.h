#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace mangrove::definition {

/// The argument for the kernel command line: "base64:" and base64url without padding of the text, compressed
/// with zlib (RFC 1950) where that is shorter.
Result<std::string> encode(std::string_view text);

/// The inverse; takes also plain base64url, standard base64, padding and an argument with or without
/// "mangrove.definition=" and "base64:" before it. A text that would be larger than 1 MiB is refused.
Result<std::string> decode(std::string_view argument);

/// As `decode`, for somebody who looks at it: a definition that was cut off is an error.
Result<std::string> decode_whole(std::string_view argument);

} // namespace mangrove::definition
