#include "root/relabel.h"

#include <set>

#include "machine/run_files.h"

namespace mangrove {

namespace {

constexpr const char* kPolicyConfiguration = "/etc/selinux/config";
constexpr const char* kUnits = "/run/systemd/system";
constexpr const char* kUnit = "mangrove-relabel.service";

// The units that start first, by bootup(7); a generator is earlier than any unit.
constexpr const char* kUnitHead =
    "[Unit]\n"
    "Description=Restores the SELinux labels of Mangrove's files in the root\n"
    "DefaultDependencies=no\n"
    "ConditionSecurity=selinux\n"
    "Before=sysinit.target local-fs-pre.target systemd-journald.service systemd-udevd.service\n"
    "Before=systemd-udev-trigger.service systemd-remount-fs.service systemd-tmpfiles-setup-dev.service\n"
    "Before=systemd-modules-load.service systemd-sysctl.service systemd-random-seed.service\n"
    "Before=kmod-static-nodes.service systemd-sysusers.service systemd-update-utmp.service\n"
    "[Service]\n"
    "Type=oneshot\n";

/// selinux_config(5)
bool is_selinux_on(const std::string& configuration) {
    bool is_on = false;
    for (const std::string& line : split(configuration, '\n'))
        if (line.starts_with("SELINUX=")) is_on = trim(line.substr(line.find('=') + 1)) != "disabled";
    return is_on;
}

/// The paths, each directory that they are in, and what `make_mount_points` makes.
std::set<std::string> paths_to_label(const std::vector<std::string>& written) {
    std::set<std::string> paths = {"/", "/tmp"};
    for (std::string path : written)
        for (; !path.empty(); path.resize(path.rfind('/')))
            paths.insert(path);
    return paths;
}

/// The trees of archives in memory that lie on top of the image. One that is the image itself would have to
/// be copied up as a whole.
std::vector<std::string> trees_of_archives(System& system) {
    std::vector<std::string> trees;
    Result<std::vector<std::string>> layers = system.list_directory(kLayersDirectory); // a root may have none
    for (const std::string& name : layers.value_or(std::vector<std::string>())) {
        std::string tree = text(kLayersDirectory, "/", name, "/tree");
        bool is_archive = name.starts_with("uri") && system.path_kind(tree) == PathKind::directory;
        if (is_archive && system.path_kind(tree + kPolicyConfiguration) == PathKind::missing)
            trees.push_back(tree);
    }
    return trees;
}

} // namespace

std::string find_restorecon(System& system, const std::string& root) {
    for (const char* path : {"/usr/sbin/restorecon", "/sbin/restorecon"})
        if (system.resolve_in_root(root, path)) return path;
    return {};
}

Result<> install_relabel_unit(System& system, const Root& root) {
    if (system.path_kind(root.path + kPolicyConfiguration) != PathKind::file) return {};
    if (!is_selinux_on(TRY(system.read_file(root.path + kPolicyConfiguration)))) return {};
    std::string restorecon = find_restorecon(system, root.path);
    if (restorecon.empty())
        return permanent_error(
            "the image has an SELinux policy, but no restorecon; install policycoreutils in it");
    std::string unit = text(kUnitHead, "ExecStart=-", restorecon, " -i");
    for (const std::string& path : paths_to_label(root.written))
        unit += " " + path;
    unit += "\n";
    for (const std::string& tree : trees_of_archives(system))
        unit += text("ExecStart=-/bin/sh -c \"find ", tree, " -mindepth 1 -printf '/%%P\\\\0' | ", restorecon,
                     " -i -0 -f -\"\n");
    std::string wants = text(kUnits, "/sysinit.target.wants");
    TRY(system.make_directory(wants));
    TRY(system.write_file(text(kUnits, "/", kUnit), unit));
    return system.make_link(text(wants, "/", kUnit), text("../", kUnit));
}

} // namespace mangrove
