#include "live/node_tree.h"

#include <cerrno>
#include <fcntl.h>
#include <sys/stat.h>

#include "base/resolve_in_root.h"
#include "live/file_version.h"

namespace mangrove {

namespace {

/// Private until it is as it should be.
Result<> make_as_wanted(const UniqueFd& directory, const std::string& name, const WantedDirectory& wanted,
                        const std::string& operation) {
    if (::mkdirat(directory.get(), name.c_str(), 0700) != 0) return system_error(errno, operation);
    UniqueFd made(::openat(directory.get(), name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    if (!made.is_open() || ::fchown(made.get(), wanted.owner, wanted.group) != 0
        || ::fchmod(made.get(), wanted.mode) != 0)
        return system_error(errno, operation);
    return {};
}

} // namespace

Result<NodeTree> NodeTree::open(const std::string& root) {
    UniqueFd directory(::open(root.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
    if (!directory.is_open()) return system_error(errno, "opening ", root);
    std::string path = TRY(path_of(directory, "opening " + root));
    return NodeTree(std::move(directory), path == "/" ? "" : path);
}

Result<UniqueFd> NodeTree::follow(const UniqueFd& directory, const UniqueFd& link,
                                  const std::string& path) const {
    std::string target = TRY(link_target(link.get(), ""));
    if (!target.starts_with("/"))
        target = TRY(path_of(directory, "following " + path)).substr(path_.size()) + "/" + target;
    UniqueFd found = open_in_root(root_, target, O_DIRECTORY);
    if (!found.is_open())
        return permanent_error(path, " is a link that leads to no directory (", errno_text(errno), ")");
    return found;
}

Result<UniqueFd> NodeTree::step(const UniqueFd& directory, const std::string& name,
                                const std::string& path) const {
    UniqueFd found(::openat(directory.get(), name.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC));
    struct stat status = {};
    if (!found.is_open() || ::fstat(found.get(), &status) != 0) return system_error(errno, "opening ", path);
    if (S_ISDIR(status.st_mode)) return found;
    if (!S_ISLNK(status.st_mode)) return permanent_error(path, " is not a directory on this node");
    // Whoever may write to a directory could have root write elsewhere.
    if (status.st_uid != 0)
        return permanent_error(path, " is a link of user ", status.st_uid, " on this node; not followed");
    return follow(directory, found, path);
}

Result<UniqueFd> NodeTree::walk(const std::string& path, const WantedDirectories* wanted,
                                std::vector<std::string>* made) const {
    UniqueFd directory(::openat(root_.get(), ".", O_PATH | O_DIRECTORY | O_CLOEXEC));
    if (!directory.is_open()) return system_error(errno, "opening /");
    std::string walked;
    for (const std::string& name : split(path, '/')) {
        if (name.empty()) continue;
        walked += "/" + name;
        Result<UniqueFd> next = step(directory, name, walked);
        if (!next && next.error().code == ENOENT && wanted) {
            auto known = wanted->find(walked);
            TRY(make_as_wanted(directory, name, known == wanted->end() ? WantedDirectory() : known->second,
                               "making the directory " + walked));
            made->push_back(walked);
            next = step(directory, name, walked);
        }
        directory = TRY(std::move(next));
    }
    return directory;
}

std::string directory_part(const std::string& path) {
    return path.substr(0, path.rfind('/'));
}

std::string name_part(const std::string& path) {
    return path.substr(path.rfind('/') + 1);
}

} // namespace mangrove
