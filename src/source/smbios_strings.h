#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "base/text.h"

namespace mangrove {

/// Returns the OEM strings (structures of type 11) in an SMBIOS table (DMTF DSP0134), in their order. A
/// truncated table is an error.
Result<std::vector<std::string>> oem_strings(ByteView table);

} // namespace mangrove
