#include "head/host/files.h"

#include <algorithm>
#include <cerrno>
#include <fcntl.h>
#include <linux/fs.h>
#include <openssl/evp.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/resolve_in_root.h"

namespace mangrove::head {

namespace fs = std::filesystem;

static Result<UniqueFd> open_file(const fs::path& path, int flags, unsigned mode = 0) {
    UniqueFd fd(::open(path.c_str(), flags | O_CLOEXEC, mode));
    if (!fd.is_open()) return system_error(errno, "opening ", path.native());
    return fd;
}

/// Leaves the time of the last access as it is, where the file's owner or root reads: mksquashfs, which looks
/// at the same tree meanwhile, takes two names for those of one file only where all that stat(2) says is the
/// same.
static Result<UniqueFd> open_for_reading(const fs::path& path) {
    Result<UniqueFd> file = open_file(path, O_RDONLY | O_NOATIME);
    return !file && file.error().code == EPERM ? open_file(path, O_RDONLY) : std::move(file);
}

/// Calls `take` with each piece of a file.
template <typename Take>
static Result<> read_pieces(const UniqueFd& fd, const std::string& name, Take take) {
    std::string buffer(1 << 20, '\0');
    for (;;) {
        ssize_t count = ::read(fd.get(), buffer.data(), buffer.size());
        if (count < 0) return system_error(errno, "reading ", name);
        if (count == 0) return {};
        take(std::string_view(buffer.data(), static_cast<size_t>(count)));
    }
}

/// `place` was opened with O_PATH: opening a device can do something, so its kind is looked at before.
static Result<UniqueFd> open_place(const UniqueFd& place, const fs::path& path) {
    struct stat status = {};
    if (::fstat(place.get(), &status) != 0) return system_error(errno, "reading ", path.native());
    if (!S_ISREG(status.st_mode)) return permanent_error(path.native(), " is not a regular file");
    return TRY(open_for_reading(text("/proc/self/fd/", place.get())), "opening ", path.native());
}

Result<UniqueFd> open_regular_file(const fs::path& path, int flags) {
    return open_place(TRY(open_file(path, O_PATH | flags)), path);
}

Result<> write_to_disk(const fs::path& path) {
    UniqueFd fd = TRY(open_file(path, O_RDONLY));
    if (::fsync(fd.get()) != 0) return system_error(errno, "writing ", path.native());
    return {};
}

Result<> make_directories(const fs::path& path) {
    std::error_code problem;
    fs::create_directories(path, problem);
    if (problem) return system_error(problem.value(), "making the directory ", path.native());
    return {};
}

Result<> remove_tree(const fs::path& path) {
    std::error_code problem;
    fs::remove_all(path, problem);
    if (problem) return system_error(problem.value(), "removing ", path.native());
    return {};
}

Result<> rename_file(const fs::path& from, const fs::path& to) {
    if (::rename(from.c_str(), to.c_str()) != 0)
        return system_error(errno, "renaming ", from.native(), " to ", to.native());
    return {};
}

/// Some of `size` bytes at `offset`; how many. The kernel copies within a file system and, from 5.19 on, not
/// between two.
static ssize_t copy_some(int from, int to, off_t offset, size_t size) {
    off_t source = offset;
    off_t target = offset;
    ssize_t count = ::copy_file_range(from, &source, to, &target, size, 0);
    if (count >= 0 || (errno != EXDEV && errno != EINVAL && errno != ENOSYS && errno != EOPNOTSUPP))
        return count;
    char buffer[65536];
    count = ::pread(from, buffer, std::min(size, sizeof buffer), offset);
    return count > 0 ? ::pwrite(to, buffer, static_cast<size_t>(count), offset) : count;
}

/// The pieces that are data, at their places.
static Result<> copy_data(int from, int to, const fs::path& name, Progress& progress) {
    constexpr off_t kPiece = 64 << 20;
    off_t end = ::lseek(from, 0, SEEK_END);
    for (off_t data = 0; (data = ::lseek(from, data, SEEK_DATA)) >= 0 && data < end;) {
        off_t hole = ::lseek(from, data, SEEK_HOLE);
        while (data < hole) {
            ssize_t count = copy_some(from, to, data, static_cast<size_t>(std::min(hole - data, kPiece)));
            if (count <= 0) return system_error(count < 0 ? errno : EIO, "copying ", name.native());
            data += count;
            progress.advance(static_cast<uint64_t>(count));
        }
    }
    if (::ftruncate(to, end) != 0) return system_error(errno, "copying ", name.native());
    return {};
}

Result<> clone_into(const fs::path& from, int to, Progress& progress) {
    UniqueFd source = TRY(open_file(from, O_RDONLY));
    if (::ioctl(to, FICLONE, source.get()) == 0) return {};
    return copy_data(source.get(), to, from, progress);
}

Result<> clone_file(const fs::path& from, const fs::path& to, Progress& progress) {
    struct stat status = {};
    if (::stat(from.c_str(), &status) != 0) return system_error(errno, "reading ", from.native());
    NewFile file = TRY(NewFile::create(to, status.st_mode & 0777));
    TRY(clone_into(from, file.fd(), progress), "writing ", to.native());
    return file.put_in_place();
}

Result<> clone_file(const fs::path& from, const fs::path& to) {
    SilentProgress silent;
    return clone_file(from, to, silent);
}

uint64_t size_of_file(const fs::path& path) {
    struct stat status = {};
    return ::stat(path.c_str(), &status) == 0 ? static_cast<uint64_t>(status.st_size) : 0;
}

Result<UniqueFd> try_lock(const fs::path& path) {
    UniqueFd fd = TRY(open_file(path, O_RDWR | O_CREAT | O_NOFOLLOW, 0600));
    if (::flock(fd.get(), LOCK_EX | LOCK_NB) == 0) return fd;
    if (errno == EWOULDBLOCK) return UniqueFd();
    return system_error(errno, "locking ", path.native());
}

Result<UniqueFd> wait_for_lock(const fs::path& path) {
    UniqueFd fd = TRY(open_file(path, O_RDWR | O_CREAT | O_NOFOLLOW, 0600));
    if (::flock(fd.get(), LOCK_EX) != 0) return system_error(errno, "locking ", path.native());
    return fd;
}

Digest::Digest() : context_(EVP_MD_CTX_new(), EVP_MD_CTX_free) {
    EVP_DigestInit_ex(context_.get(), EVP_sha256(), nullptr);
}

void Digest::add(std::string_view piece) {
    EVP_DigestUpdate(context_.get(), piece.data(), piece.size());
}

std::string Digest::finish() {
    Bytes digest(32);
    EVP_DigestFinal_ex(context_.get(), digest.data(), nullptr);
    return hex(digest);
}

Result<fs::path> file_of(const fs::path& tree, const fs::path& path) {
    fs::path file = TRY(resolve_in_root(tree, path));
    std::error_code ignored;
    if (fs::is_regular_file(fs::symlink_status(file, ignored))) return file;
    return permanent_error(path.native(), " is not a file of the image");
}

Result<UniqueFd> open_file_of(const fs::path& tree, const fs::path& path) {
    UniqueFd root = TRY(open_file(tree, O_PATH | O_DIRECTORY));
    UniqueFd place = open_in_root(root, path);
    if (!place.is_open()) return system_error(errno, "looking up ", path.native(), " in ", tree.native());
    return open_place(place, path);
}

Result<std::string> read_open_file(const UniqueFd& file, const std::string& name, uint64_t most_bytes) {
    struct stat status = {};
    if (::fstat(file.get(), &status) != 0 || ::lseek(file.get(), 0, SEEK_SET) != 0)
        return system_error(errno, "reading ", name);
    if (static_cast<uint64_t>(status.st_size) > most_bytes)
        return permanent_error(name, " has ", status.st_size, " bytes, more than the ", most_bytes,
                               " that such a file can have");
    std::string contents;
    TRY(read_pieces(file, name, [&](std::string_view piece) { contents += piece; }));
    return contents;
}

Result<std::string> digest_of_open_file(const UniqueFd& file, const std::string& name) {
    if (::lseek(file.get(), 0, SEEK_SET) != 0) return system_error(errno, "reading ", name);
    Digest digest;
    TRY(read_pieces(file, name, [&](std::string_view piece) { digest.add(piece); }));
    return digest.finish();
}

Result<std::string> digest_of_file(const fs::path& path) {
    return digest_of_open_file(TRY(open_regular_file(path)), path.native());
}

Result<std::string> digest_of_file(const fs::path& path, Progress& progress) {
    Digest digest;
    TRY(read_pieces(TRY(open_regular_file(path)), path.native(), [&](std::string_view piece) {
        digest.add(piece);
        progress.advance(piece.size());
    }));
    return digest.finish();
}

std::string digest_of_text(std::string_view contents) {
    Digest digest;
    digest.add(contents);
    return digest.finish();
}

} // namespace mangrove::head
