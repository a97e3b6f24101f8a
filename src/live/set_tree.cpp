#include "live/set_tree.h"

#include <cerrno>
#include <dirent.h>
#include <fcntl.h>
#include <memory>
#include <sys/stat.h>

namespace mangrove {

namespace {

struct CloseDirectory {
    void operator()(DIR* directory) const { ::closedir(directory); }
};

Result<std::vector<std::string>> names_in(const UniqueFd& directory, const std::string& operation) {
    // Its position is the listing's alone, whose end closes it.
    int listing = ::openat(directory.get(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (listing < 0) return system_error(errno, operation);
    std::unique_ptr<DIR, CloseDirectory> entries(::fdopendir(listing));
    if (!entries) return system_error(errno, operation);
    std::vector<std::string> names;
    while (const dirent* entry = ::readdir(entries.get())) {
        std::string name = entry->d_name;
        if (name != "." && name != "..") names.push_back(std::move(name));
    }
    return names;
}

Result<> read_directory(const UniqueFd& directory, const std::string& path, SetTree& set) {
    for (const std::string& name : TRY(names_in(directory, "listing " + path))) {
        std::string below = path + "/" + name;
        std::string operation = "reading " + below;
        struct stat status = {};
        if (::fstatat(directory.get(), name.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0)
            return system_error(errno, operation);
        if (S_ISDIR(status.st_mode)) {
            set.directories[below] = {status.st_mode & 07777, status.st_uid, status.st_gid};
            UniqueFd inner(
                ::openat(directory.get(), name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
            if (!inner.is_open()) return system_error(errno, operation);
            TRY(read_directory(inner, below, set));
        } else if (S_ISREG(status.st_mode) || S_ISLNK(status.st_mode)) {
            set.files[below] = TRY(version_at(directory.get(), name)).value_or(FileVersion());
        } else {
            set.others.push_back(below);
        }
    }
    return {};
}

} // namespace

Result<SetTree> read_set(const std::string& directory) {
    UniqueFd top(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!top.is_open()) return system_error(errno, "opening ", directory);
    SetTree set;
    TRY(read_directory(top, "", set));
    return set;
}

} // namespace mangrove
