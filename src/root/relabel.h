#pragma once

#include "root/root.h"

namespace mangrove {

/// Returns the path of the restorecon(8) of the tree `root`, or an empty string.
std::string find_restorecon(System& system, const std::string& root);

/// Installs a unit that restores the SELinux labels of all files that Mangrove put into the root, by the
/// policy of the image, before anything else starts: a tmpfs keeps no label from before the policy was
/// loaded. Does nothing when the image has no policy.
Result<> install_relabel_unit(System& system, const Root& root);

} // namespace mangrove
