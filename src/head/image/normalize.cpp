/// Replaces the times and numbers that mkfs programs take from the clock and the host: in ext4 through
/// libext2fs, in erofs after the kernel's fs/erofs/erofs_fs.h.

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <ext2fs/ext2fs.h>
#include <fcntl.h>
#include <memory>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "head/host/files.h"
#include "head/image/pack.h"

namespace mangrove::head {

namespace fs = std::filesystem;

namespace {

struct CloseExt4 {
    void operator()(struct_ext2_filsys* filesystem) const { ext2fs_free(filesystem); }
};
using Ext4 = std::unique_ptr<struct_ext2_filsys, CloseExt4>;

std::unexpected<Error> ext4_error(errcode_t code, const fs::path& file) {
    return permanent_error("normalizing ", file.native(), ": error ", code, " of libext2fs");
}

constexpr const char* kLabel = "security.selinux";

struct CloseAttributes {
    void operator()(ext2_xattr_handle* handle) const { ext2fs_xattrs_close(&handle); }
};
using Attributes = std::unique_ptr<ext2_xattr_handle, CloseAttributes>;

Result<Attributes> open_attributes(struct_ext2_filsys* filesystem, ext2_ino_t number, const fs::path& file) {
    ext2_xattr_handle* handle = nullptr;
    if (errcode_t code = ext2fs_xattrs_open(filesystem, number, &handle)) return ext4_error(code, file);
    Attributes attributes(handle);
    if (errcode_t code = ext2fs_xattrs_read(handle)) return ext4_error(code, file);
    return attributes;
}

Result<> remove_labels(struct_ext2_filsys* filesystem, const fs::path& file) {
    for (ext2_ino_t number = EXT2_ROOT_INO; number <= filesystem->super->s_inodes_count; ++number) {
        ext2_inode inode = {};
        if (!ext2fs_test_inode_bitmap2(filesystem->inode_map, number)) continue;
        if (errcode_t code = ext2fs_read_inode(filesystem, number, &inode)) return ext4_error(code, file);
        if (inode.i_links_count == 0
            || (number != EXT2_ROOT_INO && number < EXT2_FIRST_INO(filesystem->super)))
            continue;
        Attributes attributes = TRY(open_attributes(filesystem, number, file));
        if (errcode_t code = ext2fs_xattr_remove(attributes.get(), kLabel)) return ext4_error(code, file);
    }
    return {};
}

void set_times(ext2_inode_large& inode, uint32_t time) {
    inode.i_mtime = inode.i_ctime = inode.i_atime = inode.i_crtime = time;
    inode.i_mtime_extra = inode.i_ctime_extra = inode.i_atime_extra = inode.i_crtime_extra = 0;
}

Result<> normalize_times(struct_ext2_filsys* filesystem, const fs::path& file,
                         std::optional<uint64_t> epoch) {
    ext2_inode_scan scan = nullptr;
    if (errcode_t code = ext2fs_open_inode_scan(filesystem, 0, &scan)) return ext4_error(code, file);
    std::unique_ptr<ext2_struct_inode_scan, decltype(&ext2fs_close_inode_scan)> closing(
        scan, ext2fs_close_inode_scan);
    for (;;) {
        ext2_ino_t number = 0;
        ext2_inode_large inode = {};
        auto* small = reinterpret_cast<ext2_inode*>(&inode);
        if (errcode_t code = ext2fs_get_next_inode_full(scan, &number, small, sizeof inode))
            return ext4_error(code, file);
        if (number == 0) return {};
        bool is_file = number == EXT2_ROOT_INO || number >= EXT2_FIRST_INO(filesystem->super);
        if (!is_file || inode.i_links_count == 0) continue;
        set_times(inode,
                  static_cast<uint32_t>(std::min<uint64_t>(inode.i_mtime, epoch.value_or(UINT32_MAX))));
        if (errcode_t code = ext2fs_write_inode_full(filesystem, number, small, sizeof inode))
            return ext4_error(code, file);
    }
}

Result<> copy_root_inode(struct_ext2_filsys* filesystem, const fs::path& tree, const fs::path& file,
                         std::optional<uint64_t> epoch) {
    struct stat status = {};
    if (::stat(tree.c_str(), &status) != 0) return system_error(errno, "reading ", tree.native());
    ext2_inode_large inode = {};
    auto* small = reinterpret_cast<ext2_inode*>(&inode);
    if (errcode_t code = ext2fs_read_inode_full(filesystem, EXT2_ROOT_INO, small, sizeof inode))
        return ext4_error(code, file);
    inode.i_mode = static_cast<uint16_t>(status.st_mode);
    inode.i_uid = static_cast<uint16_t>(status.st_uid);
    inode.osd2.linux2.l_i_uid_high = static_cast<uint16_t>(status.st_uid >> 16);
    inode.i_gid = static_cast<uint16_t>(status.st_gid);
    inode.osd2.linux2.l_i_gid_high = static_cast<uint16_t>(status.st_gid >> 16);
    set_times(inode, static_cast<uint32_t>(std::min<uint64_t>(static_cast<uint64_t>(status.st_mtime),
                                                              epoch.value_or(UINT32_MAX))));
    if (errcode_t code = ext2fs_write_inode_full(filesystem, EXT2_ROOT_INO, small, sizeof inode))
        return ext4_error(code, file);
    return {};
}

Result<> copy_root_attributes(struct_ext2_filsys* filesystem, const fs::path& tree, const fs::path& file,
                              Labels labels) {
    std::string names(65536, '\0');
    ssize_t size = ::llistxattr(tree.c_str(), names.data(), names.size());
    if (size <= 0) return {};
    names.resize(static_cast<size_t>(size));
    Attributes attributes = TRY(open_attributes(filesystem, EXT2_ROOT_INO, file));
    for (const std::string& name : split(names, '\0')) {
        if (name.empty() || (labels == Labels::of_host && name == kLabel)) continue;
        std::string value(65536, '\0');
        ssize_t length = ::lgetxattr(tree.c_str(), name.c_str(), value.data(), value.size());
        if (length < 0) return system_error(errno, "reading the attribute ", name, " of ", tree.native());
        if (errcode_t code =
                ext2fs_xattr_set(attributes.get(), name.c_str(), value.data(), static_cast<size_t>(length)))
            return ext4_error(code, file);
    }
    return {};
}

} // namespace

Result<> normalize_ext4(const fs::path& tree, const fs::path& file, std::optional<uint64_t> epoch,
                        Labels labels) {
    ext2_filsys opened = nullptr;
    errcode_t code =
        ext2fs_open(file.c_str(), EXT2_FLAG_RW | EXT2_FLAG_64BITS, 0, 0, unix_io_manager, &opened);
    if (code) return ext4_error(code, file);
    Ext4 filesystem(opened);
    if (errcode_t failed = ext2fs_read_bitmaps(opened)) return ext4_error(failed, file);
    filesystem->now = static_cast<time_t>(std::max<uint64_t>(epoch.value_or(1), 1));
    if (labels == Labels::of_host) TRY(remove_labels(opened, file));
    TRY(normalize_times(opened, file, epoch));
    TRY(copy_root_inode(opened, tree, file, epoch));
    TRY(copy_root_attributes(opened, tree, file, labels));
    code = ext2fs_flush(opened);
    if (code) return ext4_error(code, file);
    return {};
}

Result<> normalize_erofs_time(const fs::path& file, uint64_t time) {
    constexpr off_t kSuperblock = 1024;
    constexpr size_t kChecksum = 4, kFeatures = 8, kBlockBits = 12, kTime = 24, kNanoseconds = 32;
    UniqueFd fd(::open(file.c_str(), O_RDWR | O_CLOEXEC));
    std::array<uint8_t, 65536> block = {};
    if (!fd.is_open() || ::pread(fd.get(), block.data(), block.size(), kSuperblock) < 1024)
        return system_error(errno, "reading ", file.native());
    size_t length = (size_t{1} << block[kBlockBits]);
    length -= length > kSuperblock ? size_t{kSuperblock} : 0;
    if (length > block.size())
        return permanent_error(file.native(), " has blocks of a size that is not known");
    std::memcpy(&block[kTime], &time, sizeof time);
    std::memset(&block[kNanoseconds], 0, 4);
    std::memset(&block[kChecksum], 0, 4);
    if (block[kFeatures] & 1) {
        uint32_t checksum = ext2fs_crc32c_le(~0U, block.data(), length);
        std::memcpy(&block[kChecksum], &checksum, sizeof checksum);
    }
    if (::pwrite(fd.get(), block.data(), 128, kSuperblock) != 128)
        return system_error(errno, "writing ", file.native());
    return {};
}

} // namespace mangrove::head
