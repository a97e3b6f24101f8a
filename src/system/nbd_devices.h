#pragma once

#include <cstdint>
#include <vector>

#include "base/result.h"
#include "base/text.h"
#include "base/unique_fd.h"
#include "system/clock.h"

namespace mangrove {

/// Asks the kernel's client to take connections over; sizes in bytes.
struct NbdDeviceRequest {
    std::vector<UniqueFd> connections;
    uint64_t size = 0;
    uint32_t block_size = 512;
    uint16_t server_flags = 0;  ///< the transmission flags of the protocol
    seconds request_timeout{0}; ///< 0: none
    seconds dead_timeout{0};    ///< how long I/O waits for a new connection when all are lost
};

/// Two sockets that are connected: one for the kernel, one for whoever serves the device.
struct NbdSockets {
    UniqueFd kernel;
    UniqueFd server;
};

/// The seam to the kernel's client of NBD (linux/nbd-netlink.h).
class NbdDevices {
  public:
    virtual ~NbdDevices() = default;

    /// Gives the connections to the kernel, which holds them from then on; returns the number of the device
    /// (3 for /dev/nbd3). The module must be loaded.
    virtual Result<uint32_t> connect(NbdDeviceRequest request) = 0;
    virtual Result<> disconnect(uint32_t device) = 0;
    /// How long I/O waits for a new connection when all are lost; 0: not at all.
    virtual Result<> set_dead_timeout(uint32_t device, seconds timeout) = 0;

    /// True when the kernel tells that a connection of the device died; false at the deadline. Listens from
    /// the first call on, or from `connect`.
    virtual Result<bool> wait_for_dead_connection(uint32_t device, Deadline deadline) = 0;
    /// Gives the kernel a connection in the place of a dead one; ENOSPC when none is dead.
    virtual Result<> replace_dead(uint32_t device, UniqueFd connection) = 0;

    virtual Result<NbdSockets> make_sockets() = 0;
    /// Ends a connection for both sides, whoever else has it open.
    virtual void hang_up(const UniqueFd& connection) = 0;
};

} // namespace mangrove
