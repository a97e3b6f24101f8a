/// Superblocks after the kernel's fs/ext4/ext4.h and include/uapi/linux/btrfs_tree.h; the log of XFS is read
/// by xfs_logprint(8).

#include "head/image/journal_check.h"

#include <cerrno>
#include <fcntl.h>
#include <string>
#include <unistd.h>

#include "base/unique_fd.h"
#include "head/host/program.h"

namespace mangrove::head {

namespace fs = std::filesystem;

namespace {

std::string bytes_at(int fd, off_t offset, size_t size) {
    std::string bytes(size, '\0');
    return ::pread(fd, bytes.data(), size, offset) == static_cast<ssize_t>(size) ? bytes
                                                                                 : std::string(size, '\0');
}

bool ext4_needs_recovery(int fd) {
    constexpr off_t kSuperblock = 1024, kMagic = 0x38, kIncompatible = 0x60;
    constexpr char kNeedsRecovery = 4;
    return bytes_at(fd, kSuperblock + kMagic, 2) == "\x53\xef"
           && (bytes_at(fd, kSuperblock + kIncompatible, 1)[0] & kNeedsRecovery) != 0;
}

bool btrfs_has_log(int fd) {
    constexpr off_t kSuperblock = 65536, kMagic = 0x40, kLogRoot = 0x60;
    return bytes_at(fd, kSuperblock + kMagic, 8) == "_BHRfS_M"
           && bytes_at(fd, kSuperblock + kLogRoot, 8) != std::string(8, '\0');
}

bool xfs_has_log(const fs::path& file, Progress& progress) {
    Result<std::string> printed = run_program({{"xfs_logprint", "-t", file}, "xfsprogs"});
    if (!printed)
        progress.warn(text(file.native(),
                           ": cannot check whether the log of its XFS is clean: ", printed.error().what));
    return printed && printed->find("<DIRTY>") != std::string::npos;
}

std::unexpected<Error> dirty(const fs::path& file, std::string_view kind, std::string_view repair) {
    return permanent_error(file.native(), ": the journal of its ", kind,
                           " must be replayed, which a node with a read-only image cannot do; ", repair);
}

} // namespace

Result<> check_journal(const fs::path& file, Progress& progress) {
    UniqueFd fd(::open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
    if (!fd.is_open()) return system_error(errno, "opening ", file.native());
    if (ext4_needs_recovery(fd.get())) return dirty(file, "ext4", text("run e2fsck -p ", file.native()));
    const std::string mount_once =
        text("mount it once: mount -o loop ", file.native(), " /mnt && umount /mnt");
    if (btrfs_has_log(fd.get())) return dirty(file, "Btrfs", mount_once);
    if (bytes_at(fd.get(), 0, 4) == "XFSB" && xfs_has_log(file, progress))
        return dirty(file, "XFS", mount_once);
    return {};
}

} // namespace mangrove::head
