#pragma once

#include <string>
#include <vector>

#include "head/command/publish_commands.h"

namespace mangrove::head {

/// Whether the scripts that lead nodes to what they are assigned have to be in the boot directory.
enum class Scripts { must_be_there, may_be_missing };

/// Has nodes boot a publication from their next start on. `reference`: of it, or of an image that is
/// published once. What each prints goes to standard output.
Result<> assign(const Directories& directories, const std::string& reference,
                const std::vector<std::string>& nodes, Run run, Scripts scripts);
/// Has nodes boot what those without an image of their own do.
Result<> unassign(const Directories& directories, const std::vector<std::string>& nodes, Run run);
Result<> list_assigned(const Directories& directories, Form form);

} // namespace mangrove::head
