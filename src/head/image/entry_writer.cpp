#include "head/image/entry_writer.h"

#include <algorithm>
#include <archive.h>
#include <archive_entry.h>
#include <array>
#include <cerrno>
#include <cstring>
#include <endian.h>
#include <fcntl.h>
#include <linux/posix_acl.h>
#include <linux/posix_acl_xattr.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/unique_fd.h"

namespace mangrove::head {

namespace {

constexpr const char* kAccessAcl = "system.posix_acl_access";
constexpr const char* kDefaultAcl = "system.posix_acl_default";

/// Writes what is not zero: where zeros would be, a hole stays.
Result<> write_block(const UniqueFd& file, const TarReader::Block& block) {
    constexpr uint64_t kPage = 4096;
    std::string_view rest = block.data;
    for (uint64_t offset = block.offset; !rest.empty();) {
        size_t size = std::min<uint64_t>(rest.size(), kPage - offset % kPage);
        bool zero = rest[0] == '\0' && std::memcmp(rest.data(), rest.data() + 1, size - 1) == 0;
        ssize_t count = zero ? static_cast<ssize_t>(size)
                             : ::pwrite(file.get(), rest.data(), size, static_cast<off_t>(offset));
        if (count < 0 && errno != EINTR) return system_error(errno, "writing it");
        offset += static_cast<uint64_t>(std::max<ssize_t>(count, 0));
        rest.remove_prefix(static_cast<size_t>(std::max<ssize_t>(count, 0)));
    }
    return {};
}

Result<> write_file(TarReader& tar, archive_entry* entry, const std::string& path, Budget& budget) {
    UniqueFd file(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
    if (!file.is_open()) return system_error(errno, "making it");
    uint64_t size = static_cast<uint64_t>(std::max<int64_t>(archive_entry_size(entry), 0));
    TRY(budget.add_bytes(size));
    while (std::optional<TarReader::Block> block = TRY(tar.read())) {
        uint64_t end = block->offset + block->data.size();
        if (end > size) TRY(budget.add_bytes(end - size));
        size = std::max(size, end);
        TRY(write_block(file, *block));
    }
    if (::ftruncate(file.get(), static_cast<off_t>(size)) != 0) return system_error(errno, "writing it");
    return {};
}

Result<> make_directory(const std::string& path) {
    if (::mkdir(path.c_str(), 0700) == 0) return {};
    if (errno != EEXIST) return system_error(errno, "making it");
    return remove_attributes(path);
}

Result<> make_node(archive_entry* entry, const std::string& path) {
    dev_t device = ::makedev(static_cast<unsigned>(archive_entry_rdevmajor(entry)),
                             static_cast<unsigned>(archive_entry_rdevminor(entry)));
    if (::mknod(path.c_str(), (archive_entry_filetype(entry) & S_IFMT) | 0600, device) != 0)
        return system_error(errno, "making the device node or FIFO");
    return {};
}

Result<> make_link(archive_entry* entry, const std::string& path) {
    const char* target = archive_entry_symlink(entry);
    if (::symlink(target ? target : "", path.c_str()) != 0) return system_error(errno, "making the link");
    return {};
}

/// The overflow user in the place of a number that the kernel has none for: UINT32_MAX would change nothing.
uint32_t owner_of(int64_t number) {
    return number >= 0 && number < UINT32_MAX ? static_cast<uint32_t>(number) : 65534;
}

Result<> set_owner_and_mode(archive_entry* entry, const std::string& path) {
    if (::lchown(path.c_str(), owner_of(archive_entry_uid(entry)), owner_of(archive_entry_gid(entry))) != 0)
        return system_error(errno, "setting the owner");
    bool is_link = archive_entry_filetype(entry) == AE_IFLNK;
    if (!is_link && ::chmod(path.c_str(), archive_entry_perm(entry) & 07777) != 0)
        return system_error(errno, "setting the mode");
    return {};
}

/// The number that the image's own /etc/passwd or /etc/group gives a name; -1 where it has none, or is not
/// unpacked yet. The process is confined to the image.
int number_of(std::string_view name, const char* file) {
    constexpr size_t kLargest = 1 << 20;
    UniqueFd fd(::open(file, O_RDONLY | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC));
    struct stat status = {};
    if (!fd.is_open() || ::fstat(fd.get(), &status) != 0 || !S_ISREG(status.st_mode)) return -1;
    std::string lines(std::min<size_t>(static_cast<size_t>(status.st_size), kLargest), '\0');
    ssize_t count = ::read(fd.get(), lines.data(), lines.size());
    lines.resize(static_cast<size_t>(std::max<ssize_t>(count, 0)));
    for (const std::string& line : split(lines, '\n')) {
        std::vector<std::string> fields = split(line, ':');
        if (fields.size() < 3 || fields[0] != name) continue;
        std::optional<uint64_t> number = parse_number(fields[2]);
        return number && *number < INT32_MAX ? static_cast<int>(*number) : -1;
    }
    return -1;
}

bool add_acl_entry(std::vector<posix_acl_xattr_entry>& entries, int tag, int permissions, int id,
                   const char* name) {
    constexpr std::array kTags = {
        std::pair(ARCHIVE_ENTRY_ACL_USER_OBJ, ACL_USER_OBJ),   std::pair(ARCHIVE_ENTRY_ACL_USER, ACL_USER),
        std::pair(ARCHIVE_ENTRY_ACL_GROUP_OBJ, ACL_GROUP_OBJ), std::pair(ARCHIVE_ENTRY_ACL_GROUP, ACL_GROUP),
        std::pair(ARCHIVE_ENTRY_ACL_MASK, ACL_MASK),           std::pair(ARCHIVE_ENTRY_ACL_OTHER, ACL_OTHER)};
    const auto* found = std::ranges::find(kTags, tag, [](const auto& pair) { return pair.first; });
    if (found == kTags.end()) return false;
    bool named = tag == ARCHIVE_ENTRY_ACL_USER || tag == ARCHIVE_ENTRY_ACL_GROUP;
    if (named && id < 0 && name)
        id = number_of(name, tag == ARCHIVE_ENTRY_ACL_USER ? "/etc/passwd" : "/etc/group");
    if (named && id < 0) return false;
    entries.push_back({.e_tag = htole16(static_cast<uint16_t>(found->second)),
                       .e_perm = htole16(static_cast<uint16_t>(permissions & 7)),
                       .e_id = htole32(static_cast<uint32_t>(named ? id : ACL_UNDEFINED_ID))});
    return true;
}

/// An ACL as the kernel keeps it in an attribute (linux/posix_acl_xattr.h). Empty where there is none;
/// nothing where it is not one of POSIX.
std::optional<std::string> acl_value(archive_entry* entry, int kind) {
    if (archive_entry_acl_reset(entry, kind) == 0) return "";
    std::vector<posix_acl_xattr_entry> entries;
    int type = 0, permissions = 0, tag = 0, id = 0;
    const char* name = nullptr;
    while (archive_entry_acl_next(entry, kind, &type, &permissions, &tag, &id, &name) == ARCHIVE_OK)
        if (!add_acl_entry(entries, tag, permissions, id, name)) return std::nullopt;
    if (entries.empty()) return "";
    std::ranges::sort(entries, {},
                      [](const auto& one) { return std::pair(le16toh(one.e_tag), le32toh(one.e_id)); });
    posix_acl_xattr_header header = {.a_version = htole32(POSIX_ACL_XATTR_VERSION)};
    std::string value(reinterpret_cast<const char*>(&header), sizeof header);
    value.append(reinterpret_cast<const char*>(entries.data()), entries.size() * sizeof entries[0]);
    return value;
}

/// Others are of the machine's policy or file system (labels, overlay, Lustre, macOS).
bool is_portable(std::string_view name) {
    return name.starts_with("user.") || name == "security.capability" || name == kAccessAcl
           || name == kDefaultAcl;
}

void set_attribute(const std::string& path, const char* name, const void* value, size_t size,
                   LeftOut& left_out) {
    if (!is_portable(name) || ::lsetxattr(path.c_str(), name, value, size, 0) != 0)
        left_out.add(text(name, " of ", path.substr(1)));
}

void set_attributes(archive_entry* entry, const std::string& path, LeftOut& left_out) {
    const char* name = nullptr;
    const void* value = nullptr;
    size_t size = 0;
    archive_entry_xattr_reset(entry);
    while (archive_entry_xattr_next(entry, &name, &value, &size) == ARCHIVE_OK)
        if (name && std::string_view(name) != kDefaultAcl) set_attribute(path, name, value, size, left_out);
    std::optional<std::string> acl = acl_value(entry, ARCHIVE_ENTRY_ACL_TYPE_ACCESS);
    if (acl && !acl->empty()) set_attribute(path, kAccessAcl, acl->data(), acl->size(), left_out);
    bool foreign = (archive_entry_acl_types(entry) & ARCHIVE_ENTRY_ACL_TYPE_NFS4) != 0;
    if (!acl || foreign) left_out.add("the ACL of " + path.substr(1));
}

} // namespace

Result<> Budget::add_file() {
    if (++files_ > limits_.files)
        return permanent_error("it has more than ", limits_.files,
                               " files; raise the limit with --max-files");
    return {};
}

Result<> Budget::add_bytes(uint64_t count) {
    if (count > limits_.bytes - bytes_)
        return permanent_error("its files have more than ", limits_.bytes,
                               " bytes; raise the limit with --max-size");
    bytes_ += count;
    return {};
}

Result<> remove_attributes(const std::string& path) {
    std::string names(65536, '\0');
    ssize_t size = ::llistxattr(path.c_str(), names.data(), names.size());
    names.resize(size > 0 ? static_cast<size_t>(size) : 0);
    for (const std::string& name : split(names, '\0'))
        if (is_portable(name) && ::lremovexattr(path.c_str(), name.c_str()) != 0 && errno != ENODATA)
            return system_error(errno, "removing the attribute ", name, " of ", path);
    return {};
}

Result<> make_plain_directory(const std::string& path) {
    TRY(make_directory(path), "making the directory ", path);
    if (::lchown(path.c_str(), 0, 0) != 0 || ::chmod(path.c_str(), 0755) != 0)
        return system_error(errno, "setting the owner of ", path);
    return remove_attributes(path);
}

Result<> set_time(const std::string& path, timespec time) {
    const timespec both[] = {time, time};
    if (::utimensat(AT_FDCWD, path.c_str(), both, AT_SYMLINK_NOFOLLOW) != 0)
        return system_error(errno, "setting the time of ", path);
    return {};
}

std::optional<std::string> default_acl(archive_entry* entry) {
    const char* name = nullptr;
    const void* value = nullptr;
    size_t size = 0;
    archive_entry_xattr_reset(entry);
    while (archive_entry_xattr_next(entry, &name, &value, &size) == ARCHIVE_OK)
        if (name && std::string_view(name) == kDefaultAcl)
            return std::string(static_cast<const char*>(value), size);
    std::optional<std::string> acl = acl_value(entry, ARCHIVE_ENTRY_ACL_TYPE_DEFAULT);
    return acl && acl->empty() ? std::nullopt : acl;
}

Result<> write_entry(TarReader& tar, archive_entry* entry, const std::string& path, Budget& budget,
                     LeftOut& left_out) {
    switch (archive_entry_filetype(entry)) {
    case AE_IFREG:
        TRY(write_file(tar, entry, path, budget));
        break;
    case AE_IFDIR:
        TRY(make_directory(path));
        break;
    case AE_IFLNK:
        TRY(make_link(entry, path));
        break;
    case AE_IFCHR:
    case AE_IFBLK:
    case AE_IFIFO:
        TRY(make_node(entry, path));
        break;
    default:
        left_out.add(path.substr(1) + ", of a kind that no file system has");
        return {};
    }
    TRY(set_owner_and_mode(entry, path));
    set_attributes(entry, path, left_out);
    if (archive_entry_filetype(entry) == AE_IFDIR) return {};
    timespec time = {};
    if (archive_entry_mtime_is_set(entry))
        time = {archive_entry_mtime(entry), archive_entry_mtime_nsec(entry)};
    return set_time(path, time);
}

} // namespace mangrove::head
