#pragma once

#include <optional>
#include <string>

#include "base/result.h"
#include "system/clock.h"

namespace mangrove {

class System;

/// Something attached whose lost connection the kernel does not make anew by itself: somebody in user space
/// has to, for as long as the machine runs (keeper/keeper.h). It outlives the process that attached it and
/// gets the system of the one that looks after it.
class Charge {
  public:
    virtual ~Charge() = default;

    /// What it is to the user: "iSCSI target iqn.2003-01.org.example:image".
    virtual std::string name() const = 0;
    /// Why the connection is lost; nothing when it was not until the deadline.
    virtual Result<std::optional<std::string>> wait_for_loss(System& system, Deadline deadline) = 0;
    /// Whether another program of the running system makes it anew, so that we must not.
    virtual bool is_in_other_hands(System& system) = 0;
    /// Tries once to make the connection anew.
    virtual Result<> mend(System& system) = 0;
    /// Makes what waits for the connection fail, for a machine that is to end without it.
    virtual Result<> give_up(System& system) = 0;
};

} // namespace mangrove
