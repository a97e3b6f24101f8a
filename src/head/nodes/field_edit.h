#pragma once

#include <string>

#include "head/nodes/objects.h"

namespace mangrove::head {

/// Applies "FIELD=VALUE", or "FIELD+=VALUE" and "FIELD-=VALUE" to a list. FIELD is a JSON path
/// ("values.kernel.arguments"). A list of names is written "a,b"; a value that begins with [, { or " is JSON,
/// else it is what it is in YAML.
Result<> set_field(Object& object, const std::string& assignment);

/// Removes a field; it need not be there.
Result<> unset_field(Object& object, const std::string& path);

} // namespace mangrove::head
