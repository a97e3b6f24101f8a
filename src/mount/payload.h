#pragma once

#include <string_view>

#include "base/text.h"

namespace mangrove {

/// The content of a file of a mount `uri`: a file system that the kernel mounts, by its type, or something
/// else, which must then be an archive.
struct Payload {
    std::string_view
        filesystem; ///< "squashfs", "erofs" or "ext4" (which mounts ext2 and ext3, too); or empty
    bool is_filesystem() const { return !filesystem.empty(); }
};

/// Recognizes a file by its first 2 KiB.
Payload recognize(ByteView beginning);

} // namespace mangrove
