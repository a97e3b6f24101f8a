#pragma once

#include <optional>
#include <string>

#include "base/result.h"
#include "boot/boot.h"

namespace mangrove {

/// A disk of the machine: by its path, or by a tag of blkid(8).
struct DiskName {
    std::string path = {};
    std::string tag = {};
    std::string value = {};
};

/// Waits for a disk and returns its block device. `time_to_answer`: how long one look at all disks may take,
/// where a disk that hangs must not hold the boot up.
Result<std::string> find_disk(Boot& boot, const DiskName& wanted, Deadline deadline,
                              std::optional<milliseconds> time_to_answer = {});

} // namespace mangrove
