#pragma once

#include "head/nodes/database.h"

/// Backups of every kind of database are SQLite databases, so that each kind can be restored from each.
namespace mangrove::head {

struct Snapshot {
    std::vector<Entry> entries;
    uint64_t revision = 0;
};

/// Writes a new file; one that exists is an error.
Result<> write_backup(const Snapshot& snapshot, const std::filesystem::path& copy);
/// Checks the file and reads it.
Result<Snapshot> read_backup(const std::filesystem::path& copy);

} // namespace mangrove::head
