#include <sys/mount.h>
#include <utility>

#include "mount/mount.h"

// The mount `bind`: a directory of the initramfs (`base: root`) or of another mount (`base: mount`) under
// another name. Reads `path`, `base`, `mount`, `recursive`, `ro`.

namespace mangrove {

/// A mount of NFS can be read-only where its file system is not, and so can a bind.
static bool is_read_only(const definition::Mount& mount) {
    if (const auto* nfs = std::get_if<definition::MountNfs>(&mount.kind)) return nfs->ro;
    const auto* bind = std::get_if<definition::MountBind>(&mount.kind);
    return bind && (bind->ro || (bind->mount && is_read_only(*bind->mount)));
}

Result<> mount_bind(System& system, const definition::Mount& mount, const std::string& target,
                    unsigned long flags, Undo& undo) {
    const auto& wanted = std::get<definition::MountBind>(mount.kind);
    std::string source = wanted.path.starts_with("/") ? wanted.path : "/" + wanted.path;
    if (wanted.base == definition::Base::mount)
        source = TRY(system.resolve_in_root(TRY(mount_layer(system, *wanted.mount, undo)), source));
    unsigned long recursive = wanted.recursive ? MS_REC : 0;
    if (is_read_only(mount)) flags |= MS_RDONLY;
    TRY(mount_undoably(system, {.source = source, .target = target, .flags = MS_BIND | recursive}, undo));
    if (wanted.base == definition::Base::root && flags == 0) return {};
    // A bind has the flags of what it binds, and mount(2) ignores others while it binds; it takes a second
    // call.
    return set_flags(system, target, flags);
}

} // namespace mangrove
