#include <sys/mount.h>
#include <variant>

#include "mount/mount.h"

// The mount `bind`: a directory of the initramfs (`base: root`) or of another mount (`base: mount`) under
// another name. Reads `path`, `base`, `mount`, `recursive`, `ro`.

namespace mangrove {

/// A mount of NFS can be read-only where its file system is not, and so can a bind.
static bool is_read_only(const definition::MountBind& bind) {
    if (bind.ro || !bind.mount) return bind.ro;
    if (const auto* nfs = std::get_if<definition::MountNfs>(&bind.mount->kind)) return nfs->ro;
    const auto* inner = std::get_if<definition::MountBind>(&bind.mount->kind);
    return inner && is_read_only(*inner);
}

Result<> mount(Boot& boot, const definition::MountBind& wanted, const std::string& target,
               unsigned long flags, Undo& undo) {
    System& system = boot.system;
    std::string source = wanted.path.starts_with("/") ? wanted.path : "/" + wanted.path;
    if (wanted.base == definition::Base::mount)
        source = TRY(system.resolve_in_root(TRY(mount_layer(boot, *wanted.mount, undo)), source));
    unsigned long recursive = wanted.recursive ? MS_REC : 0;
    if (is_read_only(wanted)) flags |= MS_RDONLY;
    TRY(mount_undoably(system, {.source = source, .target = target, .flags = MS_BIND | recursive}, undo));
    if (wanted.base == definition::Base::root && flags == 0) return {};
    // A bind has the flags of what it binds, and mount(2) ignores others while it binds; it takes a second
    // call.
    return set_flags(system, target, flags);
}

} // namespace mangrove
