#pragma once

#include <string>
#include <sys/mount.h>

#include "base/result.h"
#include "base/undo.h"
#include "definition/definition.h"
#include "system/system.h"

namespace mangrove {

/// The files of Mangrove on the running node. Below /run, which moves along into the new root.
inline constexpr const char* kRunDirectory = "/run/mangrove";
/// Where layers, the uppers of overlays and everything else that the root is made of are mounted. Only root
/// enters it: an image may hold secrets, and files that a layer above it hides.
inline constexpr const char* kLayersDirectory = "/run/mangrove/layers";

/// Mounts what the definition names on `target`, a directory that exists, with exactly those of kPartFlags.
/// What takes it back is pushed to `undo`, also the parts of a mount that failed half way.
Result<> mount(System& system, const definition::Mount& mount, const std::string& target, unsigned long flags,
               Undo& undo);

/// Mounts it on a new directory below kLayersDirectory, with kPartFlags, and returns that directory.
Result<std::string> mount_layer(System& system, const definition::Mount& mount, Undo& undo);

/// What mounts have that are only parts of the root: neither setuid programs nor device nodes are in force
/// there. What shows them at / has flags that are independent of these.
inline constexpr unsigned long kPartFlags = MS_NOSUID | MS_NODEV;

/// system.mount, with the unmount pushed to `undo`.
Result<> mount_undoably(System& system, const MountRequest& request, Undo& undo);

/// Gives a mount exactly those of kPartFlags, and makes it read-only or not; its other flags go.
Result<> set_flags(System& system, const std::string& mount_point, unsigned long flags);

/// The same as mount_undoably for the file system on a block device, which may have a journal that cannot be
/// replayed there.
Result<> mount_device(System& system, const MountRequest& request, Undo& undo);

/// Pushes the unmount of `target`, which no server that is away holds up.
void push_unmount(System& system, const std::string& target, Undo& undo);

/// Makes a new empty directory below kLayersDirectory, named `purpose` and a number, removed by `undo`.
Result<std::string> make_work_directory(System& system, std::string_view purpose, Undo& undo);

/// Makes such a directory with a tmpfs of that size on it, in the words of tmpfs(5).
Result<std::string> make_tmpfs(System& system, std::string_view purpose, const std::string& size, Undo& undo);

/// One file a kind; the table in mount.cpp lists them.
Result<> mount_attach(System& system, const definition::Mount& mount, const std::string& target,
                      unsigned long flags, Undo& undo);
Result<> mount_bind(System& system, const definition::Mount& mount, const std::string& target,
                    unsigned long flags, Undo& undo);
Result<> mount_nfs(System& system, const definition::Mount& mount, const std::string& target,
                   unsigned long flags, Undo& undo);
Result<> mount_overlay(System& system, const definition::Mount& mount, const std::string& target,
                       unsigned long flags, Undo& undo);
Result<> mount_uri(System& system, const definition::Mount& mount, const std::string& target,
                   unsigned long flags, Undo& undo);

} // namespace mangrove
