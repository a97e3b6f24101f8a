#pragma once

#include <functional>
#include <string>
#include <vector>

namespace mangrove {

/// An fstab(5) adapted to a node, and the devices in it that the node does not have.
struct AdaptedFstab {
    std::string text;
    std::vector<std::string> missing; ///< "UUID=… for /boot", in the order of their lines
};

/// Returns whether the node has the source in the first field of a line: a tag ("UUID=…"), a path in /dev, or
/// the path of a swap file.
using HasSource = std::function<bool(const std::string& source)>;

/// Returns the fstab for a root that is mounted already and that may come from another machine. A line for
/// `/` and one for a swap file that is missing become comments. A line for a device that is missing becomes
/// optional (nofail), and one that binds a directory below such a mount point, too. All other lines stay as
/// they are, those with nofail, noauto, x-systemd.automount or _netdev among them. With `keeps_root`, so does
/// a line for `/` whose source the node has.
AdaptedFstab adapt_fstab(const std::string& fstab, const HasSource& has_source, bool keeps_root = false);

} // namespace mangrove
