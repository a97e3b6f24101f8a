#include "head/host/lock.h"

#include <algorithm>
#include <cerrno>
#include <ctime>
#include <fcntl.h>
#include <sys/file.h>
#include <thread>
#include <unistd.h>

#include "head/host/files.h"
#include "head/host/interruption.h"
#include "head/host/program.h"

namespace mangrove::head {

namespace fs = std::filesystem;

namespace {

/// "PID SINCE WORDS…": the process, when it began to hold the lock (seconds since 1970), its arguments.
std::string own_note() {
    std::vector<std::string> words = split(read_file("/proc/self/cmdline").value_or(""), '\0');
    std::erase(words, "");
    if (words.size() > 1) words.erase(words.begin());
    std::string shown = command_line(words);
    std::ranges::replace(shown, '\n', ' ');
    return text(::getpid(), " ", ::time(nullptr), " ", shown, "\n");
}

void write_note(int fd) {
    std::string note = own_note();
    // Only for messages.
    static_cast<void>(::ftruncate(fd, 0) == 0 && ::pwrite(fd, note.data(), note.size(), 0) > 0);
}

} // namespace

std::string lock_holder(const fs::path& path) {
    std::string note(trim(read_file(path).value_or("")));
    std::vector<std::string> words = split(note, ' ');
    std::optional<uint64_t> since = words.size() > 2 ? parse_number(words[1]) : std::nullopt;
    if (!since) return "another process holds " + path.native();
    auto now = static_cast<uint64_t>(::time(nullptr));
    std::string command = note.substr(words[0].size() + words[1].size() + 2);
    return text("another mangrovectl (PID ", words[0], ", `", command, "`, since ",
                now > *since ? now - *since : 0, " s) holds ", path.native());
}

Result<UniqueFd> lock_records(const fs::path& path, std::chrono::seconds timeout, Progress& progress) {
    using Clock = std::chrono::steady_clock;
    constexpr std::chrono::milliseconds kPause{50};
    constexpr std::chrono::seconds kQuiet{2};
    UniqueFd fd(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
    if (!fd.is_open()) return system_error(errno, "opening ", path.native());
    Clock::time_point begin = Clock::now();
    bool was_said = false;
    while (::flock(fd.get(), LOCK_EX | LOCK_NB) != 0) {
        if (errno != EWOULDBLOCK && errno != EINTR) return system_error(errno, "locking ", path.native());
        if (Clock::now() - begin >= timeout)
            return transient_error(lock_holder(path), "; waited ", timeout.count(), " s (--lock-timeout)");
        if (!was_said && Clock::now() - begin >= kQuiet) {
            progress.note(lock_holder(path) + "; waiting");
            was_said = true;
        }
        if (Interruption::has_come()) return transient_error("interrupted");
        std::this_thread::sleep_for(kPause);
    }
    write_note(fd.get());
    return fd;
}

void release_records(const UniqueFd& lock) {
    ::flock(lock.get(), LOCK_UN);
}

Result<> lock_records_again(const UniqueFd& lock) {
    while (::flock(lock.get(), LOCK_EX) != 0)
        if (errno != EINTR) return system_error(errno, "locking the records again");
    write_note(lock.get());
    return {};
}

bool is_locked(const fs::path& path) {
    UniqueFd fd(::open(path.c_str(), O_RDWR | O_CLOEXEC | O_NOFOLLOW));
    return fd.is_open() && ::flock(fd.get(), LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK;
}

} // namespace mangrove::head
