#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "system/clock.h"

namespace mangrove {

class System;

/// The state of a connection that a process of ours serves.
struct ServedState {
    std::string now = "connected"; ///< or "lost", or "changed": the servers have something else
    Time since = {};               ///< it is as it is `now`
    std::string reason = {};       ///< why it is not connected, or was not the last time
    uint64_t losses = 0;
    Clock::duration longest_loss{0};
    std::string server = {}; ///< that answered last
    uint64_t requests = 0;   ///< to servers
    uint64_t bytes = 0;      ///< received
    uint64_t reads = 0;      ///< pieces that the kernel asked for
    uint64_t hits = 0;       ///< of them that were in the cache
    Clock::duration slowest{0};
    std::string cache = {};         ///< the local disk that has pieces, too; empty: none
    std::string cache_failure = {}; ///< why it is not used any more
    uint64_t cache_hits = 0;        ///< pieces that came from it
    uint64_t cache_wrong = 0;       ///< pieces on it that were corrupt
    bool is_filled = false;         ///< the rest of the file is read when the system runs
    uint64_t held = 0;              ///< of the file, in bytes: on the disk, or else in memory
    uint64_t size = 0;              ///< of the file
};

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

    /// Whether `look_after` does everything, for as long as the device is there.
    virtual bool looks_after_itself() const { return false; }
    using Tell = std::function<void(const ServedState&)>;
    virtual void look_after(System&, const Tell&) {}
    /// The descriptors that it needs for that.
    virtual std::vector<int> descriptors() const { return {}; }
};

} // namespace mangrove
