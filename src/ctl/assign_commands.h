#pragma once

#include <string>
#include <vector>

#include "ctl/publish_commands.h"

namespace mangrove::ctl {

/// Has nodes boot a publication from their next start on. `reference`: of it, or of an image that is
/// published once. What each prints goes to standard output.
Result<> assign(const Directories& directories, const std::string& reference,
                const std::vector<std::string>& nodes, Run run);
/// Has nodes boot what those without an image of their own do.
Result<> unassign(const Directories& directories, const std::vector<std::string>& nodes, Run run);
Result<> list_assigned(const Directories& directories, Form form);

} // namespace mangrove::ctl
