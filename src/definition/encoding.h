#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace mangrove::definition {

/// Returns the argument for the kernel command line: "base64:" and the text in base64url without padding,
/// compressed with zlib (RFC 1950) where that is shorter.
Result<std::string> encode(std::string_view text);

/// Decodes an argument; also accepts plain base64url, standard base64, padding and an argument with or
/// without "mangrove.definition=" and "base64:" before it. Refuses a text larger than 1 MiB.
Result<std::string> decode(std::string_view argument);

/// Decodes as `decode` does, but a truncated definition is an error: for people who read it.
Result<std::string> decode_whole(std::string_view argument);

} // namespace mangrove::definition
