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

/// All that a login needs; kept with the session, to log in again.
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
    /// The portal that the definition names: where a later login begins. A permanent redirect replaces it.
    Portal portal;
    /// The portal that the connection is with now.
    Portal connected_to;
    Negotiated negotiated;
    /// What a later login has to find again; nothing where the target does not tell, or was not asked.
    std::optional<Unit> unit;

    /// The directory of the session in sysfs, where its targets are.
    std::string directory() const;
};

/// Logs in at the first portal that lets it. The error lists what each address said; it is transient unless
/// one of them was a definite refusal. Nothing stays in the kernel on failure.
Result<Session> log_in(System& system, const LoginTarget& target);

/// Gives a session whose connection was lost, or is to be left, a new one: at its portal, else at those of
/// the definition, whose names are looked up again. Its disks stay as they are and go on as soon as it
/// succeeds. A target where the session's unit is another disk now is refused.
Result<> log_in_again(System& system, const LoginTarget& target, Session& session);

/// Takes the session out of the kernel without a word to the target: what waits for its disks fails.
Result<> drop(System& system, const Session& session);

/// Says goodbye to the target and takes the session out of the kernel. The disks must not be in use any more.
Result<> log_out(System& system, const Session& session);

} // namespace mangrove::iscsi
