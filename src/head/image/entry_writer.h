#pragma once

#include <optional>
#include <string>

#include "base/result.h"
#include "head/image/tar_reader.h"

namespace mangrove::head {

/// How large what an archive unpacks to may become.
struct UnpackLimits {
    uint64_t bytes =
        64ULL << 30; ///< of the files, holes included, and of the archive without its compression
    uint64_t files = 4'000'000;
};

/// Counts against the limits, over all archives that go into one tree.
class Budget {
  public:
    explicit Budget(const UnpackLimits& limits) : limits_(limits) {}
    Result<> add_file();
    Result<> add_bytes(uint64_t count);
    uint64_t most_bytes() const { return limits_.bytes; }

  private:
    UnpackLimits limits_;
    uint64_t files_ = 0;
    uint64_t bytes_ = 0;
};

/// Makes the entry's file, link, directory or device node at `path`, where only a directory may be there. Its
/// parent has to be a path without links: nothing is followed. A directory's time and its ACL for new files
/// are left to be set when nothing is written below it any more.
Result<> write_entry(TarReader& tar, archive_entry* entry, const std::string& path, Budget& budget,
                     LeftOut& left_out);

/// Sets the owner, mode and time of what nobody described.
Result<> make_plain_directory(const std::string& path);

Result<> set_time(const std::string& path, timespec time);

/// The value of system.posix_acl_default; nothing where the entry has none, or one that the kernel cannot
/// hold.
std::optional<std::string> default_acl(archive_entry* entry);
Result<> remove_attributes(const std::string& path);

} // namespace mangrove::head
