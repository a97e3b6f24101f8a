#include "live/file_version.h"

#include <cerrno>
#include <fcntl.h>
#include <linux/limits.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/sha256.h"
#include "base/unique_fd.h"

namespace mangrove {

namespace {

constexpr mode_t kModeBits = 07777;

Result<> add_contents(int file, Sha256& digest, const std::string& operation) {
    char buffer[65536];
    for (;;) {
        ssize_t count = ::read(file, buffer, sizeof buffer);
        if (count < 0 && errno == EINTR) continue;
        if (count < 0) return system_error(errno, operation);
        if (count == 0) return {};
        digest.add(as_bytes({buffer, static_cast<size_t>(count)}));
    }
}

Result<std::string> digest_of_file(int directory, const std::string& name, const std::string& operation) {
    // A pipe in its place by now would hold the opening up.
    UniqueFd file(::openat(directory, name.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
    if (!file.is_open()) return system_error(errno, operation);
    Sha256 digest;
    TRY(add_contents(file.get(), digest, operation));
    for (const auto& [attribute, value] : TRY(attributes_of(file.get(), operation))) {
        digest.add(as_bytes(text('\0', attribute, '\0')));
        digest.add(as_bytes(value));
    }
    return digest.finish();
}

Result<std::string> digest_of_link(int directory, const std::string& name) {
    Sha256 digest;
    digest.add(as_bytes(TRY(link_target(directory, name))));
    return digest.finish();
}

bool belongs_to_set(const std::string& attribute) {
    return attribute.starts_with("user.") || attribute == "security.capability";
}

Result<std::string> attribute_value(int file, const std::string& name, const std::string& operation) {
    std::string value(XATTR_SIZE_MAX, '\0');
    ssize_t size = ::fgetxattr(file, name.c_str(), value.data(), value.size());
    if (size < 0) return system_error(errno, operation, ": ", name);
    value.resize(static_cast<size_t>(size));
    return value;
}

} // namespace

Result<std::map<std::string, std::string>> attributes_of(int file, const std::string& operation) {
    std::map<std::string, std::string> attributes;
    std::string names(XATTR_LIST_MAX, '\0');
    ssize_t size = ::flistxattr(file, names.data(), names.size());
    if (size < 0 && errno == ENOTSUP) return attributes;
    if (size < 0) return system_error(errno, operation);
    names.resize(static_cast<size_t>(size));
    for (const std::string& name : split(names, '\0'))
        if (belongs_to_set(name)) attributes[name] = TRY(attribute_value(file, name, operation));
    return attributes;
}

Result<std::string> link_target(int directory, const std::string& name) {
    std::string target(PATH_MAX, '\0');
    ssize_t size = ::readlinkat(directory, name.c_str(), target.data(), target.size());
    if (size < 0) return system_error(errno, "reading the link ", name);
    target.resize(static_cast<size_t>(size));
    return target;
}

Result<std::optional<FileVersion>> version_at(int directory, const std::string& name) {
    std::string operation = "reading " + name;
    struct stat status = {};
    if (::fstatat(directory, name.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0) {
        if (errno == ENOENT) return std::nullopt;
        return system_error(errno, operation);
    }
    FileVersion version = {.kind = FileVersion::Kind::other, .owner = status.st_uid, .group = status.st_gid};
    if (S_ISREG(status.st_mode)) {
        version.kind = FileVersion::Kind::file;
        version.mode = status.st_mode & kModeBits;
        version.digest = TRY(digest_of_file(directory, name, operation));
    } else if (S_ISLNK(status.st_mode)) {
        version.kind = FileVersion::Kind::link;
        version.digest = TRY(digest_of_link(directory, name));
    }
    return version;
}

} // namespace mangrove
