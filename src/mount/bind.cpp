#include <sys/mount.h>
#include <utility>

#include "mount/mount.h"

// The mount `bind`: a directory of the initramfs (`base: root`) or of another mount (`base: mount`) under
// another name. Reads `path`, `base`, `mount`, `recursive`, `ro`.

namespace mangrove {

Result<> mount_bind(System& system, const definition::Mount& mount, const std::string& target, Undo& undo) {
    const auto& wanted = std::get<definition::MountBind>(mount.kind);
    std::string source = wanted.path.starts_with("/") ? wanted.path : "/" + wanted.path;
    if (wanted.base == definition::Base::mount)
        source = TRY(system.resolve_in_root(TRY(mount_layer(system, *wanted.mount, undo)), source));
    unsigned long recursive = wanted.recursive ? MS_REC : 0;
    TRY(mount_undoably(system, {.source = source, .target = target, .flags = MS_BIND | recursive}, undo));
    // mount(2) ignores MS_RDONLY while it binds; it takes a second call.
    if (wanted.ro)
        TRY(system.mount({.source = source, .target = target, .flags = MS_BIND | MS_REMOUNT | MS_RDONLY}));
    return {};
}

} // namespace mangrove
