#include "system/bounded_child.h"

#include <cerrno>
#include <csignal>
#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/unique_fd.h"
#include "system/wait.h"

namespace mangrove {

static void end_child(pid_t child, const UniqueFd& pipe) {
    ::kill(child, SIGKILL);
    constexpr seconds kTimeToDie{5};
    pollfd ended[] = {{pipe.get(), POLLIN, 0}};
    // One that the kernel does not let die is left alone.
    if (wait_for_any(ended, Clock::now() + kTimeToDie).value_or(false)) ::waitpid(child, nullptr, 0);
}

Result<std::optional<int>> run_until(Deadline deadline, const std::function<int()>& action) {
    int ends[2] = {-1, -1};
    if (::pipe2(ends, O_CLOEXEC) != 0) return system_error(errno, "making a pipe");
    UniqueFd reading(ends[0]);
    UniqueFd writing(ends[1]);
    pid_t child = ::fork();
    if (child < 0) return system_error(errno, "starting a process");
    if (child == 0) {
        // Not as the exit status, which has eight bits: NFS lets 524 (ENOTSUPP) through.
        int answer = action();
        static_cast<void>(!::write(writing.get(), &answer, sizeof answer));
        ::_exit(0);
    }
    writing.reset();
    pollfd answered[] = {{reading.get(), POLLIN, 0}};
    Result<bool> is_in_time = wait_for_any(answered, deadline);
    int answer = 0;
    if (is_in_time.value_or(false) && ::read(reading.get(), &answer, sizeof answer) == sizeof answer) {
        ::waitpid(child, nullptr, 0);
        return answer;
    }
    end_child(child, reading);
    TRY(std::move(is_in_time));
    return std::nullopt;
}

} // namespace mangrove
