#pragma once

#include "root/root.h"

namespace mangrove {

/// Has the root's systemd pet the hardware watchdog.
inline constexpr const char* kWatchdogDropIn = "/run/systemd/system.conf.d/00-mangrove-watchdog.conf";

/// Prepares the root's systemd to take the hardware watchdog over, where the image does not say itself how.
/// Returns whether it does; otherwise the watchdog must be stopped before the root is switched to, which is
/// logged.
bool hand_over_watchdog(System& system, const Root& root, seconds timeout);

} // namespace mangrove
