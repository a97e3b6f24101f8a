#pragma once

#include <map>
#include <string>
#include <sys/types.h>
#include <vector>

#include "base/result.h"
#include "base/unique_fd.h"

namespace mangrove {

/// A directory as a set has it.
struct WantedDirectory {
    mode_t mode = 0755;
    uid_t owner = 0;
    gid_t group = 0;
};
using WantedDirectories = std::map<std::string, WantedDirectory>; ///< by path: "/etc/munge"

/// The file tree of the running node. Paths begin with "/" and have neither ".." nor empty parts. Links in
/// the place of directories, such as /var/run, are followed inside of the tree, and only where root made
/// them.
class NodeTree {
  public:
    static Result<NodeTree> open(const std::string& root);

    /// Returns the directory `path`: error ENOENT when it does not exist, an error without a code when
    /// something else is in its place.
    Result<UniqueFd> enter(const std::string& path) const { return walk(path, nullptr, nullptr); }
    /// The same, but makes what is missing as `wanted` has it, and adds its paths to `made`.
    Result<UniqueFd> make(const std::string& path, const WantedDirectories& wanted,
                          std::vector<std::string>& made) const {
        return walk(path, &wanted, &made);
    }

  private:
    NodeTree(UniqueFd root, std::string path) : root_(std::move(root)), path_(std::move(path)) {}
    Result<UniqueFd> walk(const std::string& path, const WantedDirectories* wanted,
                          std::vector<std::string>* made) const;
    Result<UniqueFd> step(const UniqueFd& directory, const std::string& name, const std::string& path) const;
    Result<UniqueFd> follow(const UniqueFd& directory, const UniqueFd& link, const std::string& path) const;

    UniqueFd root_;
    std::string path_; ///< without a slash at its end: empty for "/"
};

/// "/etc/motd" → "/etc", "motd"
std::string directory_part(const std::string& path);
std::string name_part(const std::string& path);

} // namespace mangrove
