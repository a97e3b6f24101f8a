#include <cerrno>
#include <dirent.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <linux/mount.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/log.h"
#include "system/linux/bounded_mount.h"
#include "system/linux/system.h"

namespace mangrove {

Result<> LinuxSystem::mount(const MountRequest& request) {
    std::string operation = text("mounting ", request.source, " on ", request.target,
                                 request.type.empty() ? "" : " as ", request.type);
    int outcome = request.time_limit.count() > 0
                      ? TRY(mount_until(request, now() + request.time_limit), operation)
                      : mount_now(request);
    if (outcome != 0) return system_error(outcome, operation);
    return {};
}

Result<> LinuxSystem::unmount_tree(const std::string& target) {
    if (::umount2(target.c_str(), UMOUNT_NOFOLLOW | MNT_DETACH) != 0)
        return system_error(errno, "unmounting ", target, " with all that is in it");
    return {};
}

constexpr const char* kSecurityLabel = "security.selinux";

Result<std::string> LinuxSystem::security_label(const std::string& path) {
    char label[4096];
    ssize_t size = ::lgetxattr(path.c_str(), kSecurityLabel, label, sizeof label);
    if (size < 0 && (errno == ENODATA || errno == EOPNOTSUPP)) return std::string();
    if (size < 0) return system_error(errno, "reading the SELinux label of ", path);
    return std::string(label, static_cast<size_t>(size));
}

Result<> LinuxSystem::set_security_label(const std::string& path, const std::string& label) {
    if (::lsetxattr(path.c_str(), kSecurityLabel, label.data(), label.size(), 0) < 0)
        return system_error(errno, "setting the SELinux label of ", path, " to ", label.c_str());
    return {};
}

Result<> LinuxSystem::unmount(const std::string& target) {
    if (::umount2(target.c_str(), UMOUNT_NOFOLLOW) != 0) return system_error(errno, "unmounting ", target);
    return {};
}

static std::string escaped_layer(const std::string& path) {
    std::string escaped;
    for (char c : path) {
        if (c == ':' || c == '\\' || c == ',') escaped += '\\';
        escaped += c;
    }
    return escaped;
}

static Result<> mount_overlay_at_once(const OverlayRequest& request, const std::vector<std::string>& lowers) {
    std::string options = "lowerdir=" + join(lowers, ":");
    if (!request.upper.empty())
        options += text(",upperdir=", escaped_layer(request.upper), ",workdir=", escaped_layer(request.work));
    for (const std::string& option : request.options)
        options += "," + option;
    std::string operation = text("mounting an overlay of ", lowers.size(), " layers on ", request.target);
    // mount(2) cuts longer options off without a word.
    if (options.size() >= 4096) return system_error(E2BIG, operation);
    unsigned long flags = request.upper.empty() ? MS_RDONLY : 0;
    if (::mount("overlay", request.target.c_str(), "overlay", flags, options.c_str()) == 0) return {};
    return system_error(errno, operation);
}

static bool sets_string(int context, const char* key, const std::string& value) {
    return ::syscall(SYS_fsconfig, context, FSCONFIG_SET_STRING, key, value.c_str(), 0) == 0;
}

/// With "lowerdir+", one layer a call (Documentation/filesystems/overlayfs.rst, since 6.8). ENOSYS or EINVAL
/// for the first layer means that this kernel has it not.
static Result<> mount_overlay_by_layers(const OverlayRequest& request) {
    std::string operation =
        text("mounting an overlay of ", request.lowers.size(), " layers on ", request.target);
    UniqueFd context(static_cast<int>(::syscall(SYS_fsopen, "overlay", FSOPEN_CLOEXEC)));
    if (!context.is_open()) return system_error(errno, operation);
    bool accepted = sets_string(context.get(), "source", "overlay");
    for (const std::string& layer : request.lowers)
        accepted = accepted && sets_string(context.get(), "lowerdir+", layer);
    if (!request.upper.empty())
        accepted = accepted && sets_string(context.get(), "upperdir", request.upper)
                   && sets_string(context.get(), "workdir", request.work);
    for (const std::string& option : request.options) {
        size_t equals = option.find('=');
        std::string value = equals == std::string::npos ? "" : option.substr(equals + 1);
        accepted = accepted && sets_string(context.get(), option.substr(0, equals).c_str(), value);
    }
    if (!accepted || ::syscall(SYS_fsconfig, context.get(), FSCONFIG_CMD_CREATE, nullptr, nullptr, 0) != 0)
        return system_error(errno, operation);
    unsigned attributes = request.upper.empty() ? MOUNT_ATTR_RDONLY : 0;
    UniqueFd mounted(static_cast<int>(::syscall(SYS_fsmount, context.get(), FSMOUNT_CLOEXEC, attributes)));
    if (!mounted.is_open()) return system_error(errno, operation);
    if (::syscall(SYS_move_mount, mounted.get(), "", AT_FDCWD, request.target.c_str(),
                  MOVE_MOUNT_F_EMPTY_PATH)
        != 0)
        return system_error(errno, operation);
    return {};
}

/// For kernels without "lowerdir+": the layers get names of one to three characters in a directory that this
/// process changes into, so that 500 of them fit into a page. The overlay holds on to the layers, not to the
/// names.
static Result<> mount_overlay_by_short_names(const OverlayRequest& request) {
    char directory[] = "/run/mangrove-layers-XXXXXX";
    if (!::mkdtemp(directory)) return system_error(errno, "making the directory ", directory);
    UniqueFd before(::open(".", O_PATH | O_DIRECTORY | O_CLOEXEC));
    std::vector<std::string> names;
    Result<> result;
    if (::chdir(directory) != 0) result = system_error(errno, "changing into ", directory);
    for (const std::string& layer : request.lowers) {
        if (!result) break;
        names.push_back(std::to_string(names.size()));
        if (::symlink(layer.c_str(), names.back().c_str()) != 0)
            result = system_error(errno, "linking to ", layer, " in ", directory);
    }
    if (result) result = mount_overlay_at_once(request, names);
    for (const std::string& name : names)
        ::unlink(text(directory, "/", name).c_str());
    if (::fchdir(before.get()) != 0 && result) result = system_error(errno, "changing back from ", directory);
    ::rmdir(directory);
    return result;
}

Result<> LinuxSystem::mount_overlay(const OverlayRequest& request) {
    std::vector<std::string> escaped;
    size_t length = 0;
    for (const std::string& layer : request.lowers) {
        escaped.push_back(escaped_layer(layer));
        length += escaped.back().size() + 1;
    }
    // Leaves room for the upper, the work directory and the options in the page that mount(2) takes.
    constexpr size_t kRoomForLayers = 3000;
    if (length < kRoomForLayers) return mount_overlay_at_once(request, escaped);
    if (mount_overlay_by_layers(request)) return {};
    return mount_overlay_by_short_names(request);
}

static void delete_tree(int directory, dev_t device) {
    DIR* entries = ::fdopendir(directory);
    if (!entries) {
        ::close(directory);
        return;
    }
    while (const dirent* entry = ::readdir(entries)) {
        std::string name = entry->d_name;
        if (name == "." || name == "..") continue;
        struct stat status = {};
        if (::fstatat(directory, name.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0 || status.st_dev != device)
            continue;
        if (!S_ISDIR(status.st_mode)) {
            ::unlinkat(directory, name.c_str(), 0);
            continue;
        }
        int child = ::openat(directory, name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (child >= 0) delete_tree(child, device);
        ::unlinkat(directory, name.c_str(), AT_REMOVEDIR);
    }
    ::closedir(entries);
}

/// Frees the memory of the initramfs. Only a tmpfs or ramfs is emptied, and nothing that is mounted inside.
static void empty_initramfs(UniqueFd old_root) {
    struct statfs filesystem = {};
    struct stat status = {};
    if (::fstatfs(old_root.get(), &filesystem) != 0 || ::fstat(old_root.get(), &status) != 0) return;
    if (filesystem.f_type != TMPFS_MAGIC && filesystem.f_type != RAMFS_MAGIC) return;
    delete_tree(old_root.release(), status.st_dev);
}

Result<> LinuxSystem::switch_root(const std::string& new_root) {
    UniqueFd old_root(::open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!old_root.is_open()) return system_error(errno, "opening the initramfs");
    for (const char* directory : {"/dev", "/proc", "/sys", "/run"}) {
        std::string target = new_root + directory;
        if (::mount(directory, target.c_str(), nullptr, MS_MOVE, nullptr) != 0)
            return system_error(errno, "moving ", directory, " to ", target);
    }
    if (::chdir(new_root.c_str()) != 0) return system_error(errno, "changing into ", new_root);
    // pivot_root(2) does not work on the initramfs; a move and a chroot do the same (switch_root(8)).
    if (::mount(".", "/", nullptr, MS_MOVE, nullptr) != 0)
        return system_error(errno, "moving ", new_root, " to /");
    if (::chroot(".") != 0) return system_error(errno, "changing the root to ", new_root);
    if (::chdir("/") != 0) return system_error(errno, "changing into the new root");
    empty_initramfs(std::move(old_root));
    return {};
}

} // namespace mangrove
