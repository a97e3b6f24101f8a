#include <algorithm>
#include <cerrno>
#include <cstring>
#include <dirent.h>
#include <fcntl.h>
#include <linux/nvme_ioctl.h>
#include <sys/ioctl.h>
#include <sys/random.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/resolve_in_root.h"
#include "system/linux/system.h"

namespace mangrove {

static Result<> write_all(int fd, std::string_view contents, const std::string& operation) {
    while (!contents.empty()) {
        ssize_t written = ::write(fd, contents.data(), contents.size());
        if (written < 0 && errno == EINTR) continue;
        if (written < 0) return system_error(errno, operation);
        contents.remove_prefix(static_cast<size_t>(written));
    }
    return {};
}

Result<std::string> LinuxSystem::read_file(const std::string& path) {
    UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    if (!file.is_open()) return system_error(errno, "reading ", path);
    std::string contents;
    char buffer[16384];
    for (;;) {
        ssize_t count = ::read(file.get(), buffer, sizeof buffer);
        if (count < 0 && errno == EINTR) continue;
        if (count < 0) return system_error(errno, "reading ", path);
        if (count == 0) return contents;
        contents.append(buffer, static_cast<size_t>(count));
    }
}

static Result<UniqueFd> create(const std::string& path, unsigned mode, const std::string& operation) {
    UniqueFd file(::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, mode));
    // An existing file keeps its mode on open, and the umask takes bits away.
    if (!file.is_open() || ::fchmod(file.get(), mode) != 0) return system_error(errno, operation);
    return file;
}

Result<> LinuxSystem::write_file(const std::string& path, std::string_view contents, unsigned mode) {
    std::string operation = "writing " + path;
    UniqueFd file = TRY(create(path, mode, operation));
    return write_all(file.get(), contents, operation);
}

Result<> LinuxSystem::copy_file(const std::string& source, const std::string& target, unsigned mode) {
    constexpr size_t kPiece = 1 << 20;
    std::string operation = text("copying ", source, " to ", target);
    UniqueFd from(::open(source.c_str(), O_RDONLY | O_CLOEXEC));
    if (!from.is_open()) return system_error(errno, operation);
    UniqueFd to = TRY(create(target, mode, operation));
    ssize_t count = 0;
    while ((count = ::sendfile(to.get(), from.get(), nullptr, kPiece)) > 0) {
    }
    if (count < 0) return system_error(errno, operation);
    return {};
}

Result<> LinuxSystem::append_file(const std::string& path, ByteView bytes) {
    std::string operation = "writing " + path;
    UniqueFd file(::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600));
    if (!file.is_open()) return system_error(errno, operation);
    return write_all(file.get(), {reinterpret_cast<const char*>(bytes.data()), bytes.size()}, operation);
}

Result<> LinuxSystem::write_attribute(const std::string& path, std::string_view value) {
    std::string operation = text("writing '", value, "' to ", path);
    UniqueFd file(::open(path.c_str(), O_WRONLY | O_CLOEXEC));
    if (!file.is_open()) return system_error(errno, operation);
    return write_all(file.get(), value, operation);
}

Result<> LinuxSystem::set_mode(const std::string& path, unsigned mode) {
    if (::chmod(path.c_str(), mode) != 0) return system_error(errno, "setting the mode of ", path);
    return {};
}

/// `request` is a nvme_admin_cmd without the address of its data, which are the answer.
static Result<std::string> submit_admin_command(const std::string& device, std::string_view request) {
    nvme_admin_cmd command = {};
    std::memcpy(&command, request.data(), std::min(request.size(), sizeof command));
    std::string answer(command.data_len, '\0');
    command.addr = reinterpret_cast<uintptr_t>(answer.data());
    UniqueFd file(::open(device.c_str(), O_RDONLY | O_CLOEXEC));
    if (!file.is_open()) return system_error(errno, "opening ", device);
    // To musl's ioctl a request is an int, to glibc's an unsigned long.
    long status = ::syscall(SYS_ioctl, file.get(), NVME_IOCTL_ADMIN_CMD, &command);
    if (status < 0) return system_error(errno, "submitting a command to ", device);
    if (status > 0) return permanent_error(device, " rejected a command: status ", status);
    return answer;
}

Result<std::string> LinuxSystem::exchange(const std::string& device, std::string_view request) {
    if (device.starts_with("/dev/nvme") && device != "/dev/nvme-fabrics")
        return submit_admin_command(device, request);
    UniqueFd file(::open(device.c_str(), O_RDWR | O_CLOEXEC));
    if (!file.is_open()) return system_error(errno, "opening ", device);
    TRY(write_all(file.get(), request, "writing to " + device));
    char answer[4096];
    ssize_t size = ::read(file.get(), answer, sizeof answer);
    if (size < 0) return system_error(errno, "reading the answer of ", device);
    return std::string(answer, static_cast<size_t>(size));
}

Result<std::vector<std::string>> LinuxSystem::list_directory(const std::string& path) {
    DIR* directory = ::opendir(path.c_str());
    if (!directory) return system_error(errno, "listing ", path);
    std::vector<std::string> names;
    while (const dirent* entry = ::readdir(directory)) {
        std::string name = entry->d_name;
        if (name != "." && name != "..") names.push_back(std::move(name));
    }
    ::closedir(directory);
    std::sort(names.begin(), names.end());
    return names;
}

Result<std::string> LinuxSystem::read_part(const std::string& path, uint64_t offset, size_t count) {
    // A disk may differ from what the kernel has cached of it.
    bool is_disk = path_kind(path) == PathKind::block_device;
    UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | (is_disk ? O_DIRECT : 0)));
    if (!file.is_open()) return system_error(errno, "reading ", path);
    constexpr size_t kAlignment = 4096;
    std::string room(count + kAlignment, '\0');
    size_t begin = kAlignment - reinterpret_cast<uintptr_t>(room.data()) % kAlignment;
    ssize_t size = ::pread(file.get(), &room[begin], count, static_cast<off_t>(offset));
    if (size < 0) return system_error(errno, "reading ", path);
    return room.substr(begin, static_cast<size_t>(size));
}

static PathKind kind_of(const struct stat& status) {
    if (S_ISREG(status.st_mode)) return PathKind::file;
    if (S_ISDIR(status.st_mode)) return PathKind::directory;
    if (S_ISBLK(status.st_mode)) return PathKind::block_device;
    if (S_ISLNK(status.st_mode)) return PathKind::symbolic_link;
    return PathKind::other;
}

PathKind LinuxSystem::path_kind(const std::string& path) {
    struct stat status = {};
    return ::lstat(path.c_str(), &status) == 0 ? kind_of(status) : PathKind::missing;
}

Result<std::string> LinuxSystem::read_link(const std::string& path) {
    char target[4096];
    ssize_t length = ::readlink(path.c_str(), target, sizeof target);
    if (length < 0) return system_error(errno, "reading the link ", path);
    return std::string(target, static_cast<size_t>(length));
}

Result<> LinuxSystem::make_link(const std::string& path, const std::string& target) {
    if (::symlink(target.c_str(), path.c_str()) != 0) return system_error(errno, "making the link ", path);
    return {};
}

Result<> LinuxSystem::make_directory(const std::string& path, unsigned mode) {
    for (size_t slash = path.find('/', 1); slash != std::string::npos; slash = path.find('/', slash + 1))
        if (::mkdir(path.substr(0, slash).c_str(), 0755) != 0 && errno != EEXIST)
            return system_error(errno, "making the directory ", path.substr(0, slash));
    if (::mkdir(path.c_str(), mode) == 0) return {};
    int problem = errno;
    struct stat status = {};
    if (problem == EEXIST && ::stat(path.c_str(), &status) == 0 && S_ISDIR(status.st_mode)) return {};
    return system_error(problem, "making the directory ", path);
}

Result<> LinuxSystem::rename(const std::string& path, const std::string& new_path) {
    if (::rename(path.c_str(), new_path.c_str()) != 0)
        return system_error(errno, "renaming ", path, " to ", new_path);
    return {};
}

Result<> LinuxSystem::remove_directory(const std::string& path) {
    if (::rmdir(path.c_str()) != 0) return system_error(errno, "removing the directory ", path);
    return {};
}

Result<std::string> LinuxSystem::resolve_in_root(const std::string& root, const std::string& path) {
    return mangrove::resolve_in_root(root, path);
}

bool LinuxSystem::is_executable(const std::string& path) {
    struct stat status = {};
    return ::stat(path.c_str(), &status) == 0 && S_ISREG(status.st_mode) && ::access(path.c_str(), X_OK) == 0;
}

Result<Bytes> LinuxSystem::random_bytes(size_t count) {
    Bytes bytes(count);
    for (size_t filled = 0; filled < count;) {
        ssize_t got = ::getrandom(bytes.data() + filled, count - filled, 0);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return system_error(errno, "reading random bytes");
        filled += static_cast<size_t>(got);
    }
    return bytes;
}

} // namespace mangrove
