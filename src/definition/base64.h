#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/text.h"

namespace mangrove::definition {

/// Returns standard base64 (RFC 4648, section 4), with padding.
std::string to_base64(ByteView plain);

/// Decodes base64 or base64url, with or without padding; nothing for anything else.
std::optional<std::string> from_base64(std::string_view encoded);

} // namespace mangrove::definition
