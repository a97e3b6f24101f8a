#include "root/tear_down.h"

#include <sys/mount.h>

#include "attach/attach.h"
#include "base/log.h"
#include "machine/connections.h"
#include "machine/run_files.h"

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
    TRY(system.make_directory(kRunDirectory));
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

void tear_down(System& system) {
    constexpr seconds kTimeToClose{8};
    constexpr milliseconds kStep{20};
    if (Result<> unmounted = system.unmount_tree(kOldRoot); !unmounted)
        log_warning(unmounted.error().what, ", ignoring");
    release_all(system);
    // The kernel closes the connections of what was unmounted behind our back, and tells nobody when it has.
    Deadline deadline = system.now() + kTimeToClose;
    while (count_connections(system).value_or(0) > 0 && system.now() < deadline)
        system.sleep(kStep);
}

} // namespace mangrove
