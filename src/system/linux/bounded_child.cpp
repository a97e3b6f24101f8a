#include "system/linux/bounded_child.h"

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/unique_fd.h"
#include "system/linux/wait.h"

namespace mangrove {

static void end_child(pid_t child, const UniqueFd& pipe) {
    ::kill(child, SIGKILL);
    constexpr seconds kTimeToDie{5};
    pollfd ended[] = {{pipe.get(), POLLIN, 0}};
    // One that the kernel does not let die is left alone.
    if (wait_for_any(ended, Clock::now() + kTimeToDie).value_or(false)) ::waitpid(child, nullptr, 0);
}

static std::string read_all(const UniqueFd& pipe) {
    std::string all;
    char piece[4096];
    for (ssize_t size = 0; (size = ::read(pipe.get(), piece, sizeof piece)) > 0;)
        all.append(piece, static_cast<size_t>(size));
    return all;
}

Result<std::optional<std::string>> text_until(Deadline deadline, const std::function<std::string()>& action) {
    int ends[2] = {-1, -1};
    if (::pipe2(ends, O_CLOEXEC) != 0) return system_error(errno, "making a pipe");
    UniqueFd reading(ends[0]);
    UniqueFd writing(ends[1]);
    pid_t child = ::fork();
    if (child < 0) return system_error(errno, "starting a process");
    if (child == 0) {
        // The end tells one that answers nothing from one that is killed.
        std::string answer = action() + '\n';
        static_cast<void>(!::write(writing.get(), answer.data(), answer.size()));
        ::_exit(0);
    }
    writing.reset();
    pollfd answered[] = {{reading.get(), POLLIN, 0}};
    Result<bool> is_in_time = wait_for_any(answered, deadline);
    if (is_in_time.value_or(false))
        if (std::string answer = read_all(reading); answer.ends_with('\n')) {
            ::waitpid(child, nullptr, 0);
            answer.pop_back();
            return answer;
        }
    end_child(child, reading);
    TRY(std::move(is_in_time));
    return std::nullopt;
}

Result<std::optional<int>> run_until(Deadline deadline, const std::function<int()>& action) {
    // Not as the exit status, which has eight bits: NFS lets 524 (ENOTSUPP) through.
    std::optional<std::string> answer = TRY(text_until(deadline, [&] { return std::to_string(action()); }));
    return answer ? std::optional(std::atoi(answer->c_str())) : std::nullopt;
}

} // namespace mangrove
