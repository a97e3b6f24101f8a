#pragma once

#include <cstdint>
#include <string>

#include "base/result.h"
#include "iscsi/session.h"
#include "system/system.h"

/// From a session that is logged in to the disk of one of its LUNs.
namespace mangrove {

/// Makes the kernel scan for the LUN, waits for its disk and returns the disk's name ("sda"). When the target
/// has no such disk, the error lists the ones it has, without waiting.
Result<std::string> find_iscsi_disk(System& system, const iscsi::Session& session, const std::string& target,
                                    uint64_t lun);

/// Removes all disks of the session from the kernel, after pending writes.
Result<> remove_iscsi_disks(System& system, const iscsi::Session& session);

/// Sets the disk's I/O scheduler and queue depth. Logs a notice for a setting that the kernel does not have.
void tune_disk(System& system, const std::string& disk, const std::string& scheduler, uint32_t queue_depth);

} // namespace mangrove
