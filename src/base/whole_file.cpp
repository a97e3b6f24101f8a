#include "base/whole_file.h"

#include <cerrno>
#include <fcntl.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

namespace mangrove {

namespace fs = std::filesystem;

namespace {

std::string random_name(const std::string& name) {
    uint8_t random[8] = {};
    ssize_t got = ::getrandom(random, sizeof random, 0);
    return text(".", std::string_view(name).substr(0, 200), ".", got > 0 ? hex(random) : text(::getpid()));
}

/// Not every file system has files without a name (open(2), O_TMPFILE).
bool lacks_nameless_files(int problem) {
    return problem == EOPNOTSUPP || problem == EISDIR || problem == EINVAL;
}

} // namespace

Result<std::string> read_file(const fs::path& path) {
    UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    if (!file.is_open()) return system_error(errno, "reading ", path.native());
    std::string contents;
    char buffer[65536];
    for (;;) {
        ssize_t count = ::read(file.get(), buffer, sizeof buffer);
        if (count < 0) return system_error(errno, "reading ", path.native());
        if (count == 0) return contents;
        contents.append(buffer, static_cast<size_t>(count));
    }
}

Result<NewFile> NewFile::create(const fs::path& path, unsigned mode) {
    NewFile file(path);
    TRY(file.open(mode));
    return file;
}

Result<> NewFile::open(unsigned mode) {
    fs::path parent = path_.parent_path();
    directory_.reset(::open(parent.empty() ? "." : parent.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!directory_.is_open()) return system_error(errno, "writing ", path_.native());
    struct stat there = {};
    if (::fstatat(directory_.get(), path_.filename().c_str(), &there, AT_SYMLINK_NOFOLLOW) == 0
        && !S_ISREG(there.st_mode) && !S_ISLNK(there.st_mode))
        return permanent_error("writing ", path_.native(), ": not a regular file");
    file_.reset(::openat(directory_.get(), ".", O_TMPFILE | O_RDWR | O_CLOEXEC, mode));
    if (!file_.is_open() && lacks_nameless_files(errno)) {
        temporary_ = random_name(path_.filename());
        file_.reset(::openat(directory_.get(), temporary_.c_str(),
                             O_CREAT | O_EXCL | O_NOFOLLOW | O_RDWR | O_CLOEXEC, mode));
    }
    if (!file_.is_open()) {
        int problem = errno;
        temporary_.clear();
        return system_error(problem, "writing ", path_.native());
    }
    return {};
}

NewFile::~NewFile() {
    if (file_.is_open() && !temporary_.empty()) ::unlinkat(directory_.get(), temporary_.c_str(), 0);
}

Result<> NewFile::write(std::string_view contents) {
    while (!contents.empty()) {
        ssize_t count = ::write(file_.get(), contents.data(), contents.size());
        if (count < 0 && errno == EINTR) continue;
        if (count <= 0) return system_error(count < 0 ? errno : EIO, "writing ", path_.native());
        contents.remove_prefix(static_cast<size_t>(count));
    }
    return {};
}

/// A file cannot be linked in the place of another: then it gets a name to be renamed from.
Result<> NewFile::give_name() {
    std::string nameless = text("/proc/self/fd/", file_.get());
    std::string name = path_.filename();
    if (::linkat(AT_FDCWD, nameless.c_str(), directory_.get(), name.c_str(), AT_SYMLINK_FOLLOW) == 0)
        return {};
    if (errno == EEXIST) {
        temporary_ = random_name(name);
        if (::linkat(AT_FDCWD, nameless.c_str(), directory_.get(), temporary_.c_str(), AT_SYMLINK_FOLLOW)
            == 0)
            return {};
        temporary_.clear();
    }
    return system_error(errno, "writing ", path_.native());
}

Result<> NewFile::put_in_place() {
    if (::fsync(file_.get()) != 0) return system_error(errno, "writing ", path_.native());
    if (temporary_.empty()) TRY(give_name());
    if (!temporary_.empty()
        && ::renameat(directory_.get(), temporary_.c_str(), directory_.get(), path_.filename().c_str()) != 0)
        return system_error(errno, "writing ", path_.native());
    temporary_.clear();
    if (::fsync(directory_.get()) != 0 && errno != EINVAL)
        return system_error(errno, "writing ", path_.native());
    return {};
}

Result<> write_file(const fs::path& path, std::string_view contents, unsigned mode) {
    NewFile file = TRY(NewFile::create(path, mode));
    TRY(file.write(contents));
    return file.put_in_place();
}

} // namespace mangrove
