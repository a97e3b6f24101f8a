#include <sys/mount.h>
#include <utility>

#include "base/log.h"
#include "mount/mount.h"

// The mount `overlay`: several mounts as one, with a writable upper. Reads `lower`, of which the first is the
// uppermost, and `upper`. Documentation/filesystems/overlayfs.rst.

namespace mangrove {

/// The directory that takes what is written: in a tmpfs of its own, or in the mount that the definition
/// names.
static Result<std::string> make_upper(Boot& boot, const definition::Upper& wanted, Undo& undo) {
    if (wanted.mount) {
        std::string mounted = TRY(mount_layer(boot, *wanted.mount, undo));
        return wanted.path.empty() ? mounted
                                   : mounted + (wanted.path.starts_with("/") ? "" : "/") + wanted.path;
    }
    return make_tmpfs(boot.system, "upper", wanted.size, undo);
}

/// The root of an overlay has the label of its upper. Without that of the image's root, a system that has
/// SELinux could not enter its own root.
static Result<> label_upper(System& system, const std::vector<std::string>& lowers,
                            const std::string& upper) {
    for (const std::string& lower : lowers) {
        std::string label = TRY(system.security_label(lower));
        if (!label.empty()) return system.set_security_label(upper, label);
    }
    return {};
}

Result<> mount(Boot& boot, const definition::MountOverlay& wanted, const std::string& target,
               unsigned long flags, Undo& undo) {
    System& system = boot.system;
    OverlayRequest request;
    request.target = target;
    for (const definition::Mount& lower : wanted.lower)
        request.lowers.push_back(TRY(mount_layer(boot, lower, undo)));
    std::string upper = TRY(make_upper(boot, wanted.upper, undo), "creating the upper of the overlay");
    request.upper = upper + "/upper";
    request.work = upper + "/work";
    bool is_new = system.path_kind(request.upper) == PathKind::missing;
    TRY(system.make_directory(request.upper));
    if (is_new)
        if (Result<> labelled = label_upper(system, request.lowers, request.upper); !labelled)
            log_warning(labelled.error().what, ", ignoring");
    TRY(system.make_directory(request.work));
    TRY(system.load_module("overlay"));
    TRY(system.mount_overlay(request));
    push_unmount(system, target, undo);
    return flags ? set_flags(system, target, flags) : Result<>();
}

} // namespace mangrove
