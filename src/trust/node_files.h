#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "base/result.h"

namespace mangrove::trust {

// One signature pins the files of many nodes: it covers the root of a hash tree over the files of each. A
// node gets only its own files, with the hashes that lead from them to the root:
//   "node_files": "…64 hexadecimal digits…"        signed: the root
//   "own_files": {"url": "https://head/n/files/{digest}.tar?node=n007", "digests": ["…"], "path": ["l…",
//   "r…"]}
// Each entry of the path is the hash that stands left (l) or right (r) of the one before.

inline constexpr const char* kNodeFiles = "node_files";
inline constexpr const char* kOwnFiles = "own_files";

/// Tars by their SHA-256, the last one uppermost, of nodes by one of their names (policy.h).
using FilesOfNodes = std::map<std::string, std::vector<std::string>>;

/// The hash tree over the files of nodes.
class FilesTree {
  public:
    explicit FilesTree(FilesOfNodes files = {});

    const FilesOfNodes& files() const { return files_; }
    /// Empty where there are no nodes.
    std::string root() const { return files_.empty() ? "" : levels_.back()[0]; }
    /// Returns the value of kOwnFiles for a node of the tree.
    Json own_files(const std::string& name, const std::string& url) const;

  private:
    FilesOfNodes files_;
    std::vector<std::vector<std::string>> levels_; ///< hexadecimal; the leaves first
};

/// Returns the mount of one tar. The URL has "{digest}".
Json files_layer(std::string url, const std::string& digest);

/// Returns the definition with the files of this node as layers above the image, in the place of both keys.
/// An error where they are not those that the root pins.
Result<std::string> with_own_files(const std::string& definition, const std::vector<std::string>& names);

} // namespace mangrove::trust
