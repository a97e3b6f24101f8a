#pragma once

#include <string>

#include "base/result.h"
#include "base/undo.h"
#include "definition/definition.h"
#include "system/system.h"

namespace mangrove {

/// Where layers, their overlays' uppers and everything else of ours are mounted. Below /run, which moves
/// along into the new root, so that they stay reachable there.
inline constexpr const char* kRunDirectory = "/run/mangrove";

/// Mounts what the definition names on `target`, a directory that exists. What takes it back is pushed to
/// `undo`, also the parts of a mount that failed half way.
Result<> mount(System& system, const definition::Mount& mount, const std::string& target, Undo& undo);

/// Mounts it on a directory of its own below kRunDirectory and returns that directory.
Result<std::string> mount_layer(System& system, const definition::Mount& mount, Undo& undo);

/// system.mount, with the unmount pushed to `undo`.
Result<> mount_undoably(System& system, const MountRequest& request, Undo& undo);

/// Pushes the unmount of `target`, which no server that is away holds up.
void push_unmount(System& system, const std::string& target, Undo& undo);

/// A new empty directory below kRunDirectory, named `purpose` and a number, removed by `undo`.
Result<std::string> make_work_directory(System& system, std::string_view purpose, Undo& undo);

/// Such a directory with a tmpfs of that size on it, in the words of tmpfs(5).
Result<std::string> make_tmpfs(System& system, std::string_view purpose, const std::string& size, Undo& undo);

/// One file a kind; the table in mount.cpp lists them.
Result<> mount_attach(System& system, const definition::Mount& mount, const std::string& target, Undo& undo);
Result<> mount_bind(System& system, const definition::Mount& mount, const std::string& target, Undo& undo);
Result<> mount_nfs(System& system, const definition::Mount& mount, const std::string& target, Undo& undo);
Result<> mount_overlay(System& system, const definition::Mount& mount, const std::string& target, Undo& undo);
Result<> mount_uri(System& system, const definition::Mount& mount, const std::string& target, Undo& undo);

} // namespace mangrove
