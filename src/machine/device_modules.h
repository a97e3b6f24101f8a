#pragma once

#include <set>
#include <string>
#include <vector>

#include "base/result.h"
#include "system/system.h"

namespace mangrove {

/// The modules of the devices that this machine has, where no udev loads them.
class DeviceModules {
  public:
    explicit DeviceModules(System& system) : system_(system) {}

    /// Loads the modules of the initramfs for the devices by their modalias, also for those that appear
    /// behind a bus that a module brought (virtio behind PCI). Skips devices without a module, and kinds that
    /// an earlier call loaded.
    Result<> load();
    /// Returns whether `load` was called: beside udev it is not.
    bool are_ours() const { return !known_.empty(); }
    /// Waits like System::wait_for_device_event, and loads the modules of devices that came late (USB,
    /// Hyper-V's) where they are ours.
    Result<> wait_for_late_devices(Deadline deadline);

  private:
    bool load_once(const std::string& module);
    void load_named(const std::vector<std::string>& modules);
    void load_modules_without_alias();

    System& system_;
    std::set<std::string> known_; ///< aliases and names
};

} // namespace mangrove
