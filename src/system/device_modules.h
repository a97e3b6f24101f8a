#pragma once

#include <set>
#include <string>

#include "base/result.h"
#include "system/clock.h"

namespace mangrove {

class System;

/// What load_device_modules has seen to.
struct DeviceModules {
    std::set<std::string> devices; ///< the files of their aliases in /sys
    std::set<std::string> aliases;
};

/// Loads the modules of the initramfs for the devices that this machine has, by their modalias, also for
/// those that appear behind a bus that a module brought (virtio behind PCI). Devices without a module are
/// passed over, and so are those of an earlier call.
Result<> load_device_modules(System& system);

/// Whether it was called: beside udev it is not.
bool loads_device_modules(System& system);

/// As System::wait_for_device_event; devices that came late (USB, Hyper-V's) get their modules, unless udev
/// sees to that.
Result<bool> wait_for_late_devices(System& system, Deadline deadline);

} // namespace mangrove
