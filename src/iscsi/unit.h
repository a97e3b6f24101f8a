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

/// The designators of the unit itself, in hexadecimal, in a vital product data page 83h (SPC-4
/// section 7.8.6); those of the ports and devices that it is reached by are left out. Empty for
/// the numbers that tgt gives to disks without a `scsi_id`. Takes any bytes.
std::string unit_identity(std::string_view page);

/// The session's disk. Nothing where it is not known what to find again.
std::optional<Unit> find_unit(System& system, const Session& session);

/// Asks the target for the session's unit in a session beside that of the kernel, whose reads and writes must
/// not go to another disk. An error when it begins with other bytes or, where it may be written to, calls
/// itself something else. A target that does not tell is believed.
Result<> check_unit(System& system, const LoginTarget& target, const Session& session, const Portal& at,
                    const std::vector<ChapAlgorithm>& algorithms);

} // namespace mangrove::iscsi
