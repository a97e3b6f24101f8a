#pragma once

#include "root/root.h"

namespace mangrove {

/// Installs a unit that restores the SELinux labels of all files that Mangrove put into the root, by the
/// policy of the image, before anything else starts: a tmpfs keeps no label from before the policy was
/// loaded. Does nothing when the image has no policy.
Result<> install_relabel_unit(System& system, const Root& root);

} // namespace mangrove
