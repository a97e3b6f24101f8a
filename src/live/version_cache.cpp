#include "live/version_cache.h"

#include <ctime>
#include <fcntl.h>
#include <sys/stat.h>

namespace mangrove {

namespace {

std::string inode_text(const struct stat& status) {
    return text(status.st_dev, " ", status.st_ino, " ", status.st_size, " ", status.st_ctim.tv_sec, " ",
                status.st_ctim.tv_nsec);
}

/// The clock of a file system has steps: a second change in the same step leaves the time as it is.
bool is_settled(const struct stat& status) {
    return status.st_ctim.tv_sec + 2 <= std::time(nullptr);
}

} // namespace

Result<std::optional<FileVersion>> VersionCache::version_at(int directory, const std::string& name,
                                                            const std::string& path) {
    struct stat status = {};
    bool is_there = ::fstatat(directory, name.c_str(), &status, AT_SYMLINK_NOFOLLOW) == 0;
    auto seen = seen_.find(path);
    if (is_there && seen != seen_.end() && seen->second.inode == inode_text(status))
        return seen->second.version;
    std::optional<FileVersion> version = TRY(mangrove::version_at(directory, name));
    if (is_there && version && is_settled(status))
        seen_[path] = {inode_text(status), *version};
    else
        seen_.erase(path);
    return version;
}

} // namespace mangrove
