#include "ctl/host.h"

#include <cerrno>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ctl/files.h"
#include "ctl/program.h"

namespace mangrove::ctl {

/// Debian's packages of the programs that publish.
static std::string package_of(const std::string& program) {
    constexpr std::pair<std::string_view, std::string_view> kPackages[] = {
        {"tgtadm", "tgt"},       {"exportfs", "nfs-kernel-server"}, {"rbd", "ceph-common"},
        {"ceph", "ceph-common"}, {"systemctl", "systemd"},          {"service", "init-system-helpers"}};
    for (const auto& [name, package] : kPackages)
        if (program == name) return std::string(package);
    return {};
}

Result<std::string> LinuxHost::run(const std::vector<std::string>& words) {
    return run_program({words, package_of(words[0])});
}

bool LinuxHost::exists(const std::string& path) {
    struct stat status = {};
    return ::lstat(path.c_str(), &status) == 0;
}

Result<std::string> LinuxHost::read(const std::string& path) {
    return read_file(path);
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
    return clone_file(from, to);
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

} // namespace mangrove::ctl
