#include "live/replace.h"

#include <cerrno>
#include <cstdio>
#include <fcntl.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#include "base/sha256.h"

namespace mangrove {

namespace {

constexpr const char* kLabel = "security.selinux";

/// The same each time, so that the next run finds it, and never too long.
std::string temporary_name(const std::string& name) {
    Sha256 digest;
    digest.add(as_bytes(name));
    return ".mangrove-" + digest.finish().substr(0, 16);
}

Result<> copy_contents(int from, int to, const std::string& operation) {
    constexpr size_t kPiece = 1 << 20;
    ssize_t count = 0;
    while ((count = ::sendfile(to, from, nullptr, kPiece)) > 0) {
    }
    if (count < 0) return system_error(errno, operation);
    return {};
}

/// Best effort: restorecon sets it right, and this bridges the time until then.
void copy_label(const UniqueFd& directory, const std::string& name, int to) {
    UniqueFd old(::openat(directory.get(), name.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
    char label[1024];
    ssize_t size = old.is_open() ? ::fgetxattr(old.get(), kLabel, label, sizeof label) : -1;
    if (size > 0) static_cast<void>(!::fsetxattr(to, kLabel, label, static_cast<size_t>(size), 0));
}

Result<> copy_file(const UniqueFd& from, const UniqueFd& to, const std::string& name,
                   const FileVersion& version) {
    std::string operation = "writing " + name;
    UniqueFd source(::openat(from.get(), name.c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC));
    if (!source.is_open()) return system_error(errno, "reading ", name);
    UniqueFd copy(::openat(to.get(), temporary_name(name).c_str(),
                           O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
    if (!copy.is_open()) return system_error(errno, operation);
    TRY(copy_contents(source.get(), copy.get(), operation));
    // A change of the owner takes capabilities and setuid away.
    if (::fchown(copy.get(), static_cast<uid_t>(version.owner), static_cast<gid_t>(version.group)) != 0)
        return system_error(errno, operation);
    for (const auto& [attribute, value] : TRY(attributes_of(source.get(), operation)))
        if (::fsetxattr(copy.get(), attribute.c_str(), value.data(), value.size(), 0) != 0)
            return system_error(errno, operation, ": ", attribute);
    if (::fchmod(copy.get(), version.mode) != 0) return system_error(errno, operation);
    copy_label(to, name, copy.get());
    return {};
}

Result<> copy_link(const UniqueFd& from, const UniqueFd& to, const std::string& name,
                   const FileVersion& version) {
    std::string target = TRY(link_target(from.get(), name));
    std::string temporary = temporary_name(name);
    if (::symlinkat(target.c_str(), to.get(), temporary.c_str()) != 0
        || ::fchownat(to.get(), temporary.c_str(), static_cast<uid_t>(version.owner),
                      static_cast<gid_t>(version.group), AT_SYMLINK_NOFOLLOW)
               != 0)
        return system_error(errno, "making the link ", name);
    return {};
}

} // namespace

Result<> replace_by_copy(const UniqueFd& from, const UniqueFd& to, const std::string& name,
                         const FileVersion& version) {
    remove_half_copy(to, name);
    bool is_link = version.kind == FileVersion::Kind::link;
    Result<> copied = is_link ? copy_link(from, to, name, version) : copy_file(from, to, name, version);
    if (copied && ::renameat(to.get(), temporary_name(name).c_str(), to.get(), name.c_str()) != 0)
        copied = system_error(errno, "replacing ", name);
    if (!copied) remove_half_copy(to, name);
    return copied;
}

void remove_half_copy(const UniqueFd& directory, const std::string& name) {
    static_cast<void>(!::unlinkat(directory.get(), temporary_name(name).c_str(), 0));
}

} // namespace mangrove
