#include "system/linux/carried_mount.h"

#include <cerrno>
#include <fcntl.h>
#include <linux/mount.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/octal_escapes.h"
#include "base/text.h"

namespace mangrove {

std::string mount_number(const std::string& mountinfo, const std::string& path) {
    constexpr size_t kMountPoint = 4;
    std::string number;
    for (const std::string& line : split(mountinfo, '\n')) {
        std::vector<std::string> fields = split(line, ' ');
        if (fields.size() > kMountPoint && without_octal_escapes(fields[kMountPoint]) == path)
            number = fields[0];
    }
    return number;
}

Result<CarriedMount> CarriedMount::take(const std::string& path) {
    UniqueFd tree(static_cast<int>(
        ::syscall(SYS_open_tree, AT_FDCWD, path.c_str(), OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC)));
    if (!tree.is_open()) return system_error(errno, "holding on to ", path);
    return CarriedMount(path, std::move(tree));
}

Result<> CarriedMount::mount() const {
    if (::syscall(SYS_move_mount, tree_.get(), "", AT_FDCWD, path_.c_str(), MOVE_MOUNT_F_EMPTY_PATH) != 0)
        return system_error(errno, "mounting ", path_, " again");
    return {};
}

} // namespace mangrove
