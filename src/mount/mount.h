#pragma once

#include <string>
#include <sys/mount.h>

#include "base/result.h"
#include "base/undo.h"
#include "boot/boot.h"
#include "definition/definition.h"
#include "machine/run_files.h"

namespace mangrove {

/// Mounts what the definition names on `target`, an existing directory, with exactly those of kPartFlags.
/// Pushes the steps that take it back to `undo`, also after a failure half way.
Result<> mount(Boot& boot, const definition::Mount& mount, const std::string& target, unsigned long flags,
               Undo& undo);

/// Mounts it on a new directory below kLayersDirectory, with kPartFlags, and returns that directory.
Result<std::string> mount_layer(Boot& boot, const definition::Mount& mount, Undo& undo);

/// The flags of mounts that are only parts of the root: no setuid programs and no device nodes. The mount
/// that shows them at / has its own flags.
inline constexpr unsigned long kPartFlags = MS_NOSUID | MS_NODEV;

/// Mounts with system.mount and pushes the unmount to `undo`.
Result<> mount_undoably(System& system, const MountRequest& request, Undo& undo);

/// Sets exactly those of kPartFlags on a mount, and makes it read-only or not; clears its other flags.
Result<> set_flags(System& system, const std::string& mount_point, unsigned long flags);

/// Mounts the file system on a block device as mount_undoably does, and explains a journal that cannot be
/// replayed there.
Result<> mount_device(System& system, const MountRequest& request, Undo& undo);

/// Pushes the unmount of `target`, which does not wait for a server that is away.
void push_unmount(System& system, const std::string& target, Undo& undo);

/// Makes a new empty directory below kLayersDirectory, named `purpose` and a number, removed by `undo`.
Result<std::string> make_work_directory(System& system, std::string_view purpose, Undo& undo);

/// Makes such a directory with a tmpfs of that size on it, in the words of tmpfs(5).
Result<std::string> make_tmpfs(System& system, std::string_view purpose, const std::string& size, Undo& undo);

// One file a kind.

Result<> mount(Boot& boot, const definition::MountAttach& wanted, const std::string& target,
               unsigned long flags, Undo& undo);
Result<> mount(Boot& boot, const definition::MountBind& wanted, const std::string& target,
               unsigned long flags, Undo& undo);
Result<> mount(Boot& boot, const definition::MountNfs& wanted, const std::string& target, unsigned long flags,
               Undo& undo);
Result<> mount(Boot& boot, const definition::MountOverlay& wanted, const std::string& target,
               unsigned long flags, Undo& undo);
Result<> mount(Boot& boot, const definition::MountUri& wanted, const std::string& target, unsigned long flags,
               Undo& undo);

} // namespace mangrove
