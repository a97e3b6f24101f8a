#include "system/bounded_mount.h"

#include <cerrno>
#include <csignal>
#include <fcntl.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/unique_fd.h"
#include "system/wait.h"

namespace mangrove {

int mount_now(const MountRequest& request) {
    const char* type = request.type.empty() ? nullptr : request.type.c_str();
    if (::mount(request.source.c_str(), request.target.c_str(), type, request.flags, request.options.c_str())
        != 0)
        return errno;
    return 0;
}

/// Takes back a mount that came about after nobody waited for it any more.
static void end_child(pid_t child, const UniqueFd& pipe, const std::string& target) {
    ::kill(child, SIGKILL);
    constexpr seconds kTimeToDie{5};
    pollfd ended[] = {{pipe.get(), POLLIN, 0}};
    // One that the kernel does not let die is left alone.
    if (!wait_for_any(ended, Clock::now() + kTimeToDie).value_or(false)) return;
    ::waitpid(child, nullptr, 0);
    ::umount2(target.c_str(), UMOUNT_NOFOLLOW | MNT_DETACH);
}

Result<int> mount_until(const MountRequest& request, Deadline deadline) {
    int ends[2] = {-1, -1};
    if (::pipe2(ends, O_CLOEXEC) != 0) return system_error(errno, "making a pipe");
    UniqueFd reading(ends[0]);
    UniqueFd writing(ends[1]);
    pid_t child = ::fork();
    if (child < 0) return system_error(errno, "starting a process");
    if (child == 0) {
        // Not as the exit status, which has eight bits: NFS lets 524 (ENOTSUPP) through.
        int outcome = mount_now(request);
        static_cast<void>(!::write(writing.get(), &outcome, sizeof outcome));
        ::_exit(0);
    }
    writing.reset();
    pollfd answered[] = {{reading.get(), POLLIN, 0}};
    Result<bool> is_in_time = wait_for_any(answered, deadline);
    int outcome = 0;
    if (is_in_time.value_or(false) && ::read(reading.get(), &outcome, sizeof outcome) == sizeof outcome) {
        ::waitpid(child, nullptr, 0);
        return outcome;
    }
    end_child(child, reading, request.target);
    TRY(std::move(is_in_time));
    return ETIMEDOUT;
}

} // namespace mangrove
