#pragma once

#include "base/result.h"
#include "system/system.h"

namespace mangrove {

/// Loads the modules of the initramfs for the devices that this machine has, by their modalias, also for
/// those that appear behind a bus that a module brought (virtio behind PCI). Devices without a module are
/// passed over, and so are kinds that an earlier call saw to.
Result<> load_device_modules(System& system);

/// Whether it was called: beside udev it is not.
bool loads_device_modules(const System& system);

/// As System::wait_for_device_event; devices that came late (USB, Hyper-V's) get their modules, unless udev
/// sees to that.
Result<> wait_for_late_devices(System& system, Deadline deadline);

} // namespace mangrove
