#include "root/tear_down.h"

#include <sys/mount.h>

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

Result<> install_copy(System& system) {
    TRY(system.make_directory(kShutdownDirectory));
    TRY(system.copy_file("/proc/self/exe", kShutdownProgram, 0755));
    TRY(system.make_directory("/run/mangrove"));
    return system.make_link(kProgramLink, kShutdownProgram);
}

Result<> install_shutdown(System& system) {
    TRY(hide_layers(system));
    if (system.path_kind(kShutdownProgram) != PathKind::missing) return {};
    // A dracut without systemd mounts /run so that nothing on it can be executed, and systemd-shutdown passes
    // over such a program.
    TRY(system.mount(
        {.source = "/run", .target = "/run", .flags = MS_REMOUNT | MS_BIND | MS_NOSUID | MS_NODEV}));
    return install_copy(system);
}

static bool has_connections(System& system) {
    constexpr size_t kState = 3; // of the fields: "1: 0100007F:0CBC 0200007F:D431 01 …"
    constexpr std::string_view kEstablished = "01";
    for (const char* table : {"/proc/net/tcp", "/proc/net/tcp6"}) {
        Result<std::string> lines = system.read_file(table);
        for (const std::string& line : split(lines ? *lines : "", '\n')) {
            std::vector<std::string> fields = split(trim(line), ' ');
            if (fields.size() > kState && fields[kState] == kEstablished) return true;
        }
    }
    return false;
}

void tear_down(System& system) {
    constexpr seconds kTimeToClose{2};
    constexpr milliseconds kStep{20};
    if (Result<> unmounted = system.unmount_tree(kOldRoot); !unmounted)
        log_warning(unmounted.error().what, ", ignoring");
    release_all(system);
    // The kernel closes the connections of what was unmounted behind our back, and tells nobody when it has.
    Deadline deadline = system.now() + kTimeToClose;
    while (has_connections(system) && system.now() < deadline)
        system.sleep(kStep);
}

} // namespace mangrove
