#pragma once

#include <string>
#include <string_view>

#include "base/text.h"

namespace mangrove::head {

/// An address as URLs and portals have it: one of IPv6 in brackets (RFC 3986, section 3.2.2).
inline std::string bracketed(std::string_view address) {
    return address.find(':') == std::string_view::npos ? std::string(address) : text("[", address, "]");
}

} // namespace mangrove::head
