#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "iscsi/login.h"
#include "iscsi/unit.h"
#include "system/iscsi_transport.h"
#include "system/system.h"

/// A session of the kernel's initiator without an iscsid: login and logout over NETLINK_ISCSI.
namespace mangrove::iscsi {

/// The parameters of a login; kept with the session for reconnecting.
struct LoginTarget {
    std::string target;
    std::vector<Portal> portals; ///< tried in this order, each with all its addresses
    std::string initiator;
    std::optional<ChapSecrets> chap;
    Digest header_digest = Digest::none;
    Digest data_digest = Digest::none;
    uint32_t max_commands = 128; ///< rounded down to a power of two that the kernel takes
    uint32_t queue_depth = 16;
    std::chrono::seconds replacement_timeout{120}; ///< negative: never give up
};

struct Session {
    IscsiSessionNumber number;
    IscsiConnectionId connection;
    /// The portal of the definition, where a later login begins. A permanent redirect replaces it.
    Portal portal;
    /// The portal of the current connection.
    Portal connected_to;
    Negotiated negotiated;
    /// The disk that a later login must find again; nothing when the target does not identify it, or was not
    /// asked.
    std::optional<Unit> unit;

    /// Returns the directory of the session in sysfs, where its targets are.
    std::string directory() const;
};

/// Logs in at the first portal that accepts. The error lists the answer of each address; it is transient
/// unless one of them was a definite refusal. Leaves nothing in the kernel on failure.
Result<Session> log_in(System& system, const LoginTarget& target);

/// Reconnects a session whose connection was lost, or is to be closed: at its portal, else at those of the
/// definition, whose names are resolved again. The disks stay, and their I/O continues after success. Refuses
/// a target where the session's unit is a different disk.
Result<> log_in_again(System& system, const LoginTarget& target, Session& session);

/// Removes the session from the kernel without a logout: I/O that waits for its disks fails.
Result<> drop(System& system, const Session& session);

/// Logs out and removes the session from the kernel. The disks must not be in use any more.
Result<> log_out(System& system, const Session& session);

} // namespace mangrove::iscsi
