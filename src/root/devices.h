#pragma once

#include "base/result.h"
#include "system/system.h"

namespace mangrove {

/// Loads the modules of the initramfs for the devices that this machine has, by their modalias, also for
/// those that appear behind a bus that a module brought (virtio behind PCI). Devices without a module are
/// passed over.
Result<> load_device_modules(System& system);

} // namespace mangrove
