#pragma once

#include "system/system.h"

namespace mangrove {

/// The directory in which systemd-shutdown finds the program that ends the machine (bootup(7),
/// org.freedesktop.systemd1 "initrd interface"): it makes this directory the root and replaces itself by
/// `shutdown` with the verb.
inline constexpr const char* kShutdownDirectory = "/run/initramfs";
inline constexpr const char* kShutdownProgram = "/run/initramfs/shutdown";
/// The mount point of the old root then.
inline constexpr const char* kOldRoot = "/oldroot";

/// Installs this program as the one that ends the machine, and links to it.
Result<> install_copy(System& system);

/// As install_copy, unless it is already there or another initramfs has its own shutdown program. Keeps
/// systemd from unmounting the layers of the root.
Result<> install_shutdown(System& system);

/// Unmounts the old root with all mounts in it, and disconnects from its servers. Logs failures and
/// continues.
void tear_down(System& system);

} // namespace mangrove
