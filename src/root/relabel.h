#pragma once

#include "root/root.h"

namespace mangrove {

/// Has systemd restore the SELinux labels of all that Mangrove put into the root, as the policy of the image
/// says, before anything else starts: a tmpfs keeps no label from before the policy was loaded. Nothing where
/// the image has no policy.
Result<> install_relabel_unit(System& system, const Root& root);

} // namespace mangrove
