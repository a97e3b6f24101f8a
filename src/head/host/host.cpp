#include "head/host/host.h"

#include <arpa/inet.h>
#include <cerrno>
#include <fcntl.h>
#include <filesystem>
#include <ifaddrs.h>
#include <memory>
#include <netinet/in.h>
#include <sys/stat.h>
#include <unistd.h>

#include "head/host/files.h"
#include "head/host/program.h"

namespace mangrove::head {

/// Debian's packages of the programs that publish.
static std::string package_of(const std::string& program) {
    constexpr std::pair<std::string_view, std::string_view> kPackages[] = {
        {"tgtadm", "tgt"},        {"exportfs", "nfs-kernel-server"},
        {"rbd", "ceph-common"},   {"ceph", "ceph-common"},
        {"systemctl", "systemd"}, {"service", "init-system-helpers"},
        {"ss", "iproute2"},       {"s3cmd", "s3cmd"},
        {"skopeo", "skopeo"}};
    for (const auto& [name, package] : kPackages)
        if (program == name) return std::string(package);
    return {};
}

Result<std::string> LinuxHost::run(const std::vector<std::string>& words) {
    Result<std::string> printed = run_program({words, package_of(words[0])});
    if (!printed && words[0] == "tgtadm" && printed.error().what.find("to tgt daemon") != std::string::npos)
        return transient_error("tgtd is not running; run systemctl start tgt");
    return printed;
}

Result<std::string> LinuxHost::run_long(const std::vector<std::string>& words, const std::string& file) {
    std::string name = std::filesystem::path(file).filename();
    SilentProgress silent;
    Progress& progress = progress_ ? *progress_ : silent;
    LongWork work(progress, text(words[0], " reads ", name), size_of_file(file));
    Program program{words, package_of(words[0])};
    program.reads = Reads::are_counted;
    return run_program(program, progress);
}

bool LinuxHost::exists(const std::string& path) {
    struct stat status = {};
    return ::lstat(path.c_str(), &status) == 0;
}

Result<std::string> LinuxHost::read(const std::string& path) {
    return read_file(path);
}

std::vector<std::string> LinuxHost::list(const std::string& path) {
    std::vector<std::string> names;
    std::error_code ignored;
    for (std::filesystem::directory_iterator entry(path, ignored), end; entry != end;
         entry.increment(ignored))
        names.push_back(entry->path().filename());
    return names;
}

std::vector<std::string> LinuxHost::open_files(const std::string& process) {
    std::vector<std::string> files;
    std::string place = text("/proc/", process, "/fd");
    std::error_code ignored;
    for (const std::string& number : list(place))
        files.push_back(std::filesystem::read_symlink(text(place, "/", number), ignored));
    return files;
}

std::vector<std::string> LinuxHost::addresses() {
    ifaddrs* all = nullptr;
    if (::getifaddrs(&all) != 0) return {};
    std::unique_ptr<ifaddrs, decltype(&::freeifaddrs)> owner(all, &::freeifaddrs);
    std::vector<std::string> written;
    for (const ifaddrs* one = all; one; one = one->ifa_next) {
        if (!one->ifa_addr) continue;
        char address[INET6_ADDRSTRLEN] = {};
        int family = one->ifa_addr->sa_family;
        const void* bytes = nullptr;
        if (family == AF_INET) bytes = &reinterpret_cast<const sockaddr_in*>(one->ifa_addr)->sin_addr;
        if (family == AF_INET6) bytes = &reinterpret_cast<const sockaddr_in6*>(one->ifa_addr)->sin6_addr;
        if (bytes && ::inet_ntop(family, bytes, address, sizeof address)) written.emplace_back(address);
    }
    return written;
}

bool LinuxHost::share_file_system(const std::string& a, const std::string& b) {
    struct stat first = {};
    struct stat second = {};
    return ::stat(a.c_str(), &first) == 0 && ::stat(b.c_str(), &second) == 0 && first.st_dev == second.st_dev;
}

Result<> LinuxHost::write(const std::string& path, const std::string& contents, Readers readers) {
    return write_file(path, contents, readers == Readers::owner ? 0600 : 0644);
}

Result<> LinuxHost::write_attribute(const std::string& path, const std::string& contents) {
    UniqueFd fd(::open(path.c_str(), O_WRONLY | O_CLOEXEC));
    if (!fd.is_open() || ::write(fd.get(), contents.data(), contents.size()) < 0)
        return system_error(errno, "writing ", path);
    return {};
}

Result<> LinuxHost::clone(const std::string& from, const std::string& to) {
    if (::link(from.c_str(), to.c_str()) == 0) return {};
    if (errno != EXDEV && errno != EPERM && errno != EMLINK)
        return system_error(errno, "linking ", from, " to ", to);
    SilentProgress silent;
    Progress& progress = progress_ ? *progress_ : silent;
    LongWork work(progress, "copying to " + to, size_of_file(from));
    return clone_file(from, to, progress);
}

Result<> LinuxHost::make_link(const std::string& path, const std::string& target) {
    if (::symlink(target.c_str(), path.c_str()) != 0) return system_error(errno, "making the link ", path);
    return {};
}

Result<> LinuxHost::make_directory(const std::string& path) {
    if (::mkdir(path.c_str(), 0755) != 0) return system_error(errno, "making the directory ", path);
    return {};
}

Result<> LinuxHost::remove(const std::string& path) {
    if (::unlink(path.c_str()) != 0 && errno != ENOENT) return system_error(errno, "removing ", path);
    return {};
}

Result<> LinuxHost::remove_directory(const std::string& path) {
    if (::rmdir(path.c_str()) != 0 && errno != ENOENT && errno != ENOTEMPTY)
        return system_error(errno, "removing the directory ", path);
    return {};
}

} // namespace mangrove::head
