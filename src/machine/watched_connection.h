#pragma once

#include <algorithm>
#include <optional>
#include <string>

#include "base/result.h"
#include "system/clock.h"

namespace mangrove {

class System;

/// How long what waits for a lost connection waits while the root is assembled, when nobody makes it anew;
/// `wanted`: how long afterwards, for ever where that is negative.
inline seconds patience_in_boot(seconds wanted) {
    constexpr seconds kMost{10};
    return wanted.count() < 0 ? kMost : std::min(wanted, kMost);
}

/// Something attached whose lost connection the kernel does not make anew by itself: somebody in user space
/// has to, for as long as the machine runs (keeper/keeper.h). It outlives the process that attached it and
/// gets the system of the one that looks after it.
class WatchedConnection {
  public:
    virtual ~WatchedConnection() = default;

    /// Returns its name in messages: "iSCSI target iqn.2003-01.org.example:image".
    virtual std::string name() const = 0;
    /// Sets the timeout of I/O on a lost connection to that of the definition.
    virtual Result<> be_patient(System& system) = 0;
    /// Why the connection is lost; nothing when it was not until the deadline.
    virtual Result<std::optional<std::string>> wait_for_loss(System& system, Deadline deadline) = 0;
    /// Whether another program of the running system makes it anew, so that we must not.
    virtual bool managed_elsewhere(System& system) = 0;
    /// Tries once to make the connection anew.
    virtual Result<> reconnect(System& system) = 0;
    /// Makes what waits for the connection fail, for a machine that is to end without it.
    virtual Result<> give_up(System& system) = 0;
};

} // namespace mangrove
