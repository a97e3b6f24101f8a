#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace mangrove {

/// Returns whether a name is valid in /etc/resolv.conf and /etc/hostname: labels of letters, digits, "-" and
/// "_", each up to 63 characters, 253 in all.
bool is_domain_name(std::string_view name);

/// Decodes the names of a search list (RFC 3397): labels as in RFC 1035 with pointers to earlier labels.
Result<std::vector<std::string>> decode_domain_names(ByteView bytes);

} // namespace mangrove
