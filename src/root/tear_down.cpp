#include "root/tear_down.h"

#include <algorithm>

#include "attach/attach.h"
#include "base/log.h"

namespace mangrove {

/// The layers are not systemd's to unmount: one that holds another is busy until the root itself is gone, and
/// would show as failed. The name stands for all mounts below /run/mangrove (systemd.unit(5)).
static Result<> hide_layers(System& system) {
    constexpr const char* kDropIns = "/run/systemd/system/run-mangrove-.mount.d";
    TRY(system.make_directory(kDropIns));
    return system.write_file(text(kDropIns, "/mangrove.conf"), "[Unit]\nDefaultDependencies=no\n");
}

Result<> install_shutdown(System& system) {
    TRY(hide_layers(system));
    if (system.path_kind(kShutdownDirectory) != PathKind::missing) return {};
    TRY(system.make_directory(kShutdownDirectory));
    return system.write_file(text(kShutdownDirectory, "/shutdown"), TRY(system.read_file("/proc/self/exe")),
                             0755);
}

/// proc(5): blanks and backslashes stand there as "\\040".
static std::string unescaped(std::string_view field) {
    std::string plain;
    for (size_t at = 0; at < field.size(); ++at) {
        std::optional<uint64_t> code;
        if (field[at] == '\\') code = parse_number(field.substr(at + 1, 3), 8);
        plain += code ? static_cast<char>(*code) : field[at];
        if (code) at += 3;
    }
    return plain;
}

std::vector<std::string> mount_points_below(std::string_view mount_info, std::string_view directory) {
    constexpr size_t kMountPoint = 4; // of the fields
    std::vector<std::string> found;
    for (const std::string& line : split(mount_info, '\n')) {
        std::vector<std::string> fields = split(line, ' ');
        if (fields.size() <= kMountPoint) continue;
        std::string path = unescaped(fields[kMountPoint]);
        if (path == directory || path.starts_with(text(directory, "/"))) found.push_back(path);
    }
    std::ranges::reverse(found);
    return found;
}

/// The last error; what is busy now may not be once something else is unmounted.
static Result<> unmount_old_root(System& system) {
    Result<> result;
    for (const std::string& path :
         mount_points_below(TRY(system.read_file("/proc/self/mountinfo")), kOldRoot))
        if (Result<> unmounted = system.unmount(path); !unmounted) result = std::move(unmounted);
    return result;
}

void tear_down(System& system) {
    constexpr unsigned kRounds = 3; // a file in a mount, as a loop device, that is a mount
    Result<> unmounted;
    for (unsigned round = 0; round < kRounds; ++round) {
        unmounted = unmount_old_root(system);
        Result<> released = release_loopback(system);
        if (unmounted && released) break;
    }
    if (!unmounted) log_warning(unmounted.error().what, ", ignoring");
    release_all(system);
}

} // namespace mangrove
