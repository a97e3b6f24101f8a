#pragma once

#include <optional>
#include <string>

#include "base/result.h"
#include "base/undo.h"
#include "boot/boot.h"

namespace mangrove {

/// The tables of a squashfs: inodes, directories, fragments, owners. They are behind its data.
struct SquashfsTables {
    uint64_t begin = 0; ///< in bytes
    uint64_t end = 0;   ///< that of the file system
};

/// Reads the superblock of a squashfs (Documentation/filesystems/squashfs.rst), version 4.0. Nothing for
/// other bytes, and for tables that would take more memory than they are worth.
std::optional<SquashfsTables> squashfs_tables_in(std::string_view superblock);

/// Returns a device that shows what is on `device`, with the tables of its squashfs in memory, so that the
/// kernel does not read them over the network again and again; `device` itself where that cannot be done.
/// Pushes the steps that take it back to `undo`.
Result<std::string> hold_squashfs_tables(Boot& boot, const std::string& device, Undo& undo);

} // namespace mangrove
