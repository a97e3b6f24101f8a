#include "dracut.h"

#include "base/log.h"
#include "boot/provision.h"
#include "machine/run_files.h"
#include "system/linux/system.h"

namespace mangrove {

static Result<> keep_for_the_emergency_shell(System& system, const std::string& shown) {
    TRY(system.make_directory(kRunDirectory));
    return system.write_file(kErrorPath, shown);
}

static Result<> assemble_on_sysroot(Boot& boot) {
    // udev makes it when it has finished with its first device, which can be later than now.
    TRY(boot.system.make_directory("/run/udev/data"));
    return run_boot(boot, leave_root);
}

int run_dracut(const std::vector<std::string>& arguments) {
    LinuxSystem system(DeviceManager::udev);
    Boot boot(system);
    boot.timeline.start = system.now();
    // systemd's own sign of an initramfs, which dracut sets with and without systemd.
    if (!arguments.empty() || system.path_kind("/etc/initrd-release") == PathKind::missing) {
        log_line(LogLevel::error, "'mangrove dracut' takes no arguments and runs in an initramfs only");
        return 2;
    }
    // udev loads the modules of the devices.
    Result<> result = assemble_on_sysroot(boot);
    if (result) return 0;
    std::string chain = describe(result.error());
    log_line(LogLevel::error, chain);
    if (Result<> kept = keep_for_the_emergency_shell(system, shown_line(LogLevel::error, chain)); !kept)
        log_warning("keeping the error for the emergency shell: ", kept.error().what, ", ignoring");
    return 1;
}

} // namespace mangrove
