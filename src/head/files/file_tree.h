#pragma once

#include <filesystem>
#include <map>
#include <string>

#include "base/result.h"

namespace mangrove::head {

/// One file of a set: what is written into a tar of it.
struct TreeFile {
    char kind = '-'; ///< as ls(1) shows it: - d l c b p
    unsigned permissions = 0644;
    unsigned owner = 0;
    unsigned group = 0;
    std::string contents = {};                          ///< of a file
    std::string detail = {};                            ///< target of a link, "major:minor" of a device
    std::map<std::string, std::string> attributes = {}; ///< extended ones, capabilities among them
    std::string hard_link = {};                         ///< the same for all names of a file that has several

    bool operator==(const TreeFile&) const = default;
};

/// By path, without a leading slash: "etc/hosts". The directory of the tree itself is not in it.
using FileTree = std::map<std::string, TreeFile>;

/// The most bytes of all files of a set.
inline constexpr uint64_t kMostBytesOfTree = 1ULL << 30;

/// Reads a directory. A file ".manifest" in it sets owners and modes, and is left out: lines "PATTERN MODE
/// OWNER GROUP" in numbers, "-" for what stays; a pattern is one of the shell, matched with the whole path,
/// and the last line that matches counts. SELinux labels and ACLs are those of this machine and left out.
Result<FileTree> read_tree(const std::filesystem::path& directory);

/// Returns the tar (pax) of a tree. The same tree gives the same bytes; all times are `time`.
Result<std::string> to_tar(const FileTree& tree, int64_t time = 0);
/// Reads what to_tar has written.
Result<FileTree> read_tar(const std::filesystem::path& file);

} // namespace mangrove::head
