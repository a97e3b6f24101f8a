#include <cerrno>
#include <fcntl.h>
#include <linux/watchdog.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/log.h"
#include "system/linux/system.h"

namespace mangrove {

static constexpr const char* kDevice = "/dev/watchdog";

/// Not by ioctl(2), whose request is an int in musl.
static bool control(const UniqueFd& device, unsigned long request, int& value) {
    return ::syscall(SYS_ioctl, device.get(), request, &value) == 0;
}

Result<seconds> LinuxSystem::open_watchdog(seconds timeout) {
    watchdog_ = UniqueFd(::open(kDevice, O_WRONLY | O_CLOEXEC));
    if (!watchdog_.is_open()) return system_error(errno, "opening ", kDevice);
    int value = static_cast<int>(timeout.count());
    if (control(watchdog_, WDIOC_SETTIMEOUT, value)) return seconds(value);
    int problem = errno;
    bool is_known = control(watchdog_, WDIOC_GETTIMEOUT, value) && value > 0;
    log_warning(kDevice, ": it does not take a timeout of ", timeout.count(), " s (", errno_text(problem),
                ")", is_known ? text("; it keeps ", value, " s") : "");
    return is_known ? seconds(value) : timeout;
}

void LinuxSystem::pet_watchdog() {
    static_cast<void>(!::write(watchdog_.get(), "\0", 1));
}

void LinuxSystem::stop_watchdog() {
    UniqueFd device(::open(kDevice, O_WRONLY | O_CLOEXEC));
    // The magic character: without it the kernel takes a closed watchdog for a program that died.
    static_cast<void>(!::write(device.get(), "V", 1));
}

} // namespace mangrove
