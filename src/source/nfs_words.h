#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "source/translation.h"

namespace mangrove {

/// Returns whether it names a directory of NFS: "/path", "server:/path" (not a URL), each also after "nfs:"
/// or "nfs4:", or nfs://server/path.
bool is_nfs(std::string_view written);

/// A directory on a server of NFS, as `nfs:[SERVER:]PATH[:OPTIONS]` of dracut.cmdline(7),
/// `[SERVER:]PATH[,OPTIONS]` of the kernel's nfsroot.rst, `nfs://SERVER[:PORT]/PATH` of RFC 2224 and
/// `nfs:OPTIONS:SERVER:PATH` of Anaconda name it. "%s" in the path stands for the name of the node.
struct NfsWords {
    std::string host; ///< of the lease where none is named
    std::string path;
    std::string version;              ///< as a definition has it; empty where any will do
    std::vector<std::string> options; ///< those that the kernel takes
    std::optional<bool> is_writable;  ///< `rw` or `ro` among the options
};
/// Parses a directory of NFS. Drops options that always apply, and notes those that are not supported.
Result<NfsWords> read_nfs_words(std::string_view written, Translation& translation);

/// Adds options of another argument (`rootflags=`).
void add_nfs_options(NfsWords& nfs, std::string_view written, Translation& translation);

/// Returns the mount of the definition.
Json nfs_mount(const NfsWords& nfs, bool is_read_only);

} // namespace mangrove
