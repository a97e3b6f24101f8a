#pragma once

#include <optional>

#include "system/system.h"

namespace mangrove {

/// Gives systemd the units by which it tells that it shuts down, without running a program for it (the root
/// may be away): FIFOs that it makes when it starts and removes when it begins to stop.
Result<> write_shutdown_units(System& system);

/// Follows these FIFOs.
class ShutdownWatch {
  public:
    /// How the machine is about to end, since when it was first asked after it began; nothing while it runs.
    struct Shutdown {
        MachineEnd end = MachineEnd::reboot;
        Time since = {};
    };
    std::optional<Shutdown> look(System& system);

  private:
    bool has_run_ = false; ///< systemd has made the FIFOs, and they are not only missing yet
    std::optional<Time> since_;
};

} // namespace mangrove
