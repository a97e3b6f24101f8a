#include <sys/mount.h>
#include <utility>

#include "mount/mount.h"

// The mount `overlay`: several mounts as one, with a writable upper. Reads `lower`, of which the first is the
// uppermost, and `upper`. Documentation/filesystems/overlayfs.rst.

namespace mangrove {

/// The directory that takes what is written: in a tmpfs of its own, or in the mount that the definition
/// names.
static Result<std::string> make_upper(System& system, const definition::Upper& wanted, Undo& undo) {
    if (wanted.mount) {
        std::string mounted = TRY(mount_layer(system, *wanted.mount, undo));
        return wanted.path.empty() ? mounted
                                   : mounted + (wanted.path.starts_with("/") ? "" : "/") + wanted.path;
    }
    return make_tmpfs(system, "upper", wanted.size, undo);
}

Result<> mount_overlay(System& system, const definition::Mount& mount, const std::string& target,
                       Undo& undo) {
    const auto& wanted = std::get<definition::MountOverlay>(mount.kind);
    OverlayRequest request;
    request.target = target;
    for (const definition::Mount& lower : wanted.lower)
        request.lowers.push_back(TRY(mount_layer(system, lower, undo)));
    std::string upper = TRY(make_upper(system, wanted.upper, undo), "making the upper of the overlay");
    request.upper = upper + "/upper";
    request.work = upper + "/work";
    TRY(system.make_directory(request.upper));
    TRY(system.make_directory(request.work));
    TRY(system.load_module("overlay"));
    TRY(system.mount_overlay(request));
    undo.push("unmounting " + target, [&system, target] { return system.unmount(target); });
    return {};
}

} // namespace mangrove
