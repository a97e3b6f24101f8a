#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "system/kernel_command_line.h"
#include "system/system.h"

namespace mangrove {

/// The text of a definition and where it comes from, in words for messages.
struct Found {
    std::string text;
    std::string origin;
    bool is_public = false; ///< every user of the node can read it
};

/// The values of `mangrove.definition=`, in their order; "dhcp" when there are none.
std::vector<std::string> definition_sources(const KernelCommandLine& command_line);

/// Fetches the definition that one value of `mangrove.definition=` names.
Result<Found> find_definition(System& system, const std::string& source);

} // namespace mangrove
