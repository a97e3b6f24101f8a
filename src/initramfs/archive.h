#pragma once

#include <map>
#include <string>

#include "base/result.h"

namespace mangrove {

/// One file of an initramfs, with the reason why it is there.
struct ArchiveEntry {
    enum class Kind { directory, file, character_device };
    Kind kind = Kind::file;
    std::string contents = {};
    unsigned permissions = 0644;
    unsigned device_major = 0;
    unsigned device_minor = 0;
    std::string reason = {};
};

/// Entries by path without a leading slash: sorted, with each directory before its contents.
using ArchiveEntries = std::map<std::string, ArchiveEntry>;

/// Adds an entry and the directories that lead to it.
void add_entry(ArchiveEntries& entries, const std::string& path, ArchiveEntry entry);

/// Returns the entries as a cpio archive in the "newc" format of the kernel's
/// Documentation/driver-api/early-userspace/buffer-format.rst. The same entries give the same bytes: no
/// times, no owners, inode numbers counted from 1.
std::string make_archive(const ArchiveEntries& entries);

enum class Compression { zstd, gzip };
/// Compresses an archive in a form that the kernel accepts; the same bytes each time.
Result<std::string> compress_archive(const std::string& archive, Compression compression);

} // namespace mangrove
