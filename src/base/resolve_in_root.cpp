#include "base/resolve_in_root.h"

#include <cerrno>
#include <fcntl.h>
#include <filesystem>
#include <linux/openat2.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace mangrove {

UniqueFd open_in_root(const UniqueFd& root, const std::string& path, int flags) {
    open_how how = {};
    how.flags = static_cast<uint64_t>(O_PATH | O_CLOEXEC | flags);
    how.resolve = RESOLVE_IN_ROOT;
    // The kernel gives up a '..' where something was mounted or renamed meanwhile, anywhere in the system.
    constexpr int kMostTries = 1000;
    int found = -1;
    for (int tries = 0; found < 0 && tries < kMostTries; ++tries) {
        found = static_cast<int>(::syscall(SYS_openat2, root.get(), path.c_str(), &how, sizeof how));
        if (found < 0 && errno != EAGAIN) break;
    }
    return UniqueFd(found);
}

Result<std::string> path_of(const UniqueFd& fd, const std::string& operation) {
    std::error_code problem;
    std::string real = std::filesystem::read_symlink(text("/proc/self/fd/", fd.get()), problem);
    if (problem) return system_error(problem.value(), operation);
    return real;
}

Result<std::string> resolve_in_root(const std::string& root, const std::string& path) {
    std::string operation = text("looking up ", path, " in ", root);
    UniqueFd directory(::open(root.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
    if (!directory.is_open()) return system_error(errno, operation);
    UniqueFd found = open_in_root(directory, path);
    if (!found.is_open()) return system_error(errno, operation);
    return path_of(found, operation);
}

} // namespace mangrove
