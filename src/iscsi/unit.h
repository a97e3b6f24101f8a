#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "iscsi/login.h"
#include "system/system.h"

namespace mangrove::iscsi {

struct LoginTarget;
struct Session;

/// A disk of a session, as the kernel saw it when it found it.
struct Unit {
    uint64_t kernel_lun = 0;
    uint32_t block_size = 512;
    std::string identity; ///< what it calls itself (`unit_identity`); targets in user space number their LUNs
    std::string beginning; ///< what it begins with, where nobody can write to it; else empty
};

/// Returns the designators of the unit itself, in hexadecimal, from a vital product data page 83h (SPC-4
/// section 7.8.6), without the designators of ports and devices. Empty for the numbers that tgt gives to
/// disks without a `scsi_id`. Accepts any bytes.
std::string unit_identity(std::string_view page);

/// Returns the session's disk. Nothing when the target does not identify it.
std::optional<Unit> find_unit(System& system, const Session& session);

/// Asks the target for the session's unit in a second session, so that the kernel's reads and writes never go
/// to a different disk. Fails when it begins with other bytes or, when it is writable, has another identity.
/// Accepts a target that does not identify its disks.
Result<> check_unit(System& system, const LoginTarget& target, const Session& session, const Portal& at,
                    const std::vector<ChapAlgorithm>& algorithms);

} // namespace mangrove::iscsi
