#pragma once

#include "system/system.h"

namespace mangrove {

/// Where systemd-shutdown finds the program that is to end the machine (bootup(7), org.freedesktop.systemd1
/// "initrd interface"): it makes this directory the root and starts `shutdown` with the verb, in the place of
/// itself.
inline constexpr const char* kShutdownDirectory = "/run/initramfs";
inline constexpr const char* kShutdownProgram = "/run/initramfs/shutdown";
/// Where the root of the running system is then.
inline constexpr const char* kOldRoot = "/oldroot";

/// Where the running system finds this program, for `mangrove status`: a link to the one that is to end it.
inline constexpr const char* kProgramLink = "/run/mangrove/mangrove";

/// Makes this program the one that ends the machine, and links to it.
Result<> install_copy(System& system);

/// The same, unless it is there or another initramfs has its own way to. Keeps systemd from unmounting the
/// layers of the root.
Result<> install_shutdown(System& system);

/// Unmounts the old root with all that is mounted in it, and says goodbye to the servers that it came from.
/// What fails is logged and left.
void tear_down(System& system);

} // namespace mangrove
