#pragma once

#include <string>
#include <string_view>

namespace mangrove::head {

/// So many bytes of a file tell its kind.
inline constexpr size_t kFileKindBytes = 0x10048;

/// A file that is no tar.
struct FileKind {
    std::string_view name; ///< "a squashfs file system"; empty: not known
    std::string remedy;    ///< "mount it …"
};

/// `start`: its first bytes, or those that come out of its compression. `file`: its name, for the remedy.
FileKind file_kind_of(std::string_view start, std::string_view file);

} // namespace mangrove::head
