#pragma once

#include <cstdint>
#include <string>

#include "base/result.h"
#include "iscsi/session.h"
#include "system/system.h"

/// From a session that is logged in to the disk of one of its LUNs.
namespace mangrove {

/// Has the kernel look for the LUN and waits for its disk, whose name ("sda") it returns. When the target has
/// no such disk, the error says at once which ones it has.
Result<std::string> find_iscsi_disk(System& system, const iscsi::Session& session, const std::string& target,
                                    uint64_t lun);

/// Takes all disks of the session out of the kernel, after what it still had to write.
Result<> remove_iscsi_disks(System& system, const iscsi::Session& session);

/// What the kernel lacks of it is left as it is, with a notice.
void tune_disk(System& system, const std::string& disk, const std::string& scheduler, uint32_t queue_depth);

} // namespace mangrove
