#pragma once

#include <cstddef>
#include <string_view>

namespace mangrove {

/// Returns the length of the UTF-8 character at the beginning of `rest` (RFC 3629), 0 when there is none.
size_t character_length(std::string_view rest);

/// Returns whether a text is UTF-8 as a whole.
bool is_utf8(std::string_view text);

/// Returns whether a text is UTF-8 without control characters.
bool is_one_line(std::string_view text);

} // namespace mangrove
