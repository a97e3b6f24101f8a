#pragma once

#include <string>
#include <string_view>

#include "base/text.h"

namespace mangrove::head {

/// Returns the first 32 hexadecimal digits as a UUID is written (RFC 9562, section 4).
inline std::string uuid_from_digits(std::string_view digits) {
    return text(digits.substr(0, 8), "-", digits.substr(8, 4), "-", digits.substr(12, 4), "-",
                digits.substr(16, 4), "-", digits.substr(20, 12));
}

} // namespace mangrove::head
