#include "base/resolve_in_root.h"

#include <cerrno>
#include <fcntl.h>
#include <filesystem>
#include <linux/openat2.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/unique_fd.h"

namespace mangrove {

Result<std::string> resolve_in_root(const std::string& root, const std::string& path) {
    std::string operation = text("looking up ", path, " in ", root);
    UniqueFd directory(::open(root.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
    if (!directory.is_open()) return system_error(errno, operation);
    open_how how = {};
    how.flags = O_PATH | O_CLOEXEC;
    how.resolve = RESOLVE_IN_ROOT;
    UniqueFd found(static_cast<int>(::syscall(SYS_openat2, directory.get(), path.c_str(), &how, sizeof how)));
    if (!found.is_open()) return system_error(errno, operation);
    std::error_code problem;
    std::string real = std::filesystem::read_symlink(text("/proc/self/fd/", found.get()), problem);
    if (problem) return system_error(problem.value(), operation);
    return real;
}

} // namespace mangrove
