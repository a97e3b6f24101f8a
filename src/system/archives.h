#pragma once

#include <string>

#include "base/result.h"
#include "base/text.h"

namespace mangrove {

/// How a file begins.
struct Beginning {
    bool is_compressed = false;
    Bytes bytes; ///< 2 KiB, without the compression, or all of it if it is shorter
};

/// The seam to files that hold others: tar and cpio archives and anything compressed (gzip, xz, zstd).
class Archives {
  public:
    virtual ~Archives() = default;

    virtual Result<Beginning> look_into(const std::string& file) = 0;
    /// Both use the file up: the memory of what was read is given back under way (in a tmpfs), and in the end
    /// the file is removed. ENOSPC is in the error's code when there is no room.
    virtual Result<> decompress(const std::string& file, const std::string& target) = 0;
    /// Into a directory, with owners, modes, times, hard links, devices and extended attributes. Nothing is
    /// written outside of the directory, whatever the archive says.
    virtual Result<> unpack(const std::string& file, const std::string& directory) = 0;
};

} // namespace mangrove
