#pragma once

#include <string>
#include <vector>

#include "keeper/keeper.h"
#include "root/layers.h"
#include "system/system.h"

namespace mangrove {

/// The parts of a root that have to be handed back when another one has taken its place.
struct EarlierRoot {
    KeeperOfRoot keeper;
    std::vector<std::string> devices;     ///< block devices that its file systems are on
    std::vector<std::string> directories; ///< below kLayersDirectory, the mount points of its layers
};

/// Returns the parts of the running root.
Result<EarlierRoot> look_at_root(System& system);

/// Returns the layers of a root that was assembled on `path` beside the running one.
Result<std::vector<Layer>> layers_beside(System& system, const EarlierRoot& running, const std::string& path);

/// Ends the earlier root's keeper, waits until the kernel has let its file systems go, and detaches what they
/// were on. Logs failures and continues.
void hand_back(System& system, const EarlierRoot& earlier);

} // namespace mangrove
