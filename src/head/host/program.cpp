#include "head/host/program.h"

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/unique_fd.h"
#include "base/whole_file.h"

extern char** environ;

namespace mangrove::head {

namespace {

/// A file in memory takes any amount without a reader, so that a program can say much on both streams.
Result<UniqueFd> memory_file() {
    UniqueFd fd(::memfd_create("output", MFD_CLOEXEC));
    if (!fd.is_open()) return system_error(errno, "making a file in memory");
    return fd;
}

std::string contents_of(const UniqueFd& fd) {
    std::string contents;
    char buffer[16384];
    for (off_t offset = 0;;) {
        ssize_t count = ::pread(fd.get(), buffer, sizeof buffer, offset);
        if (count <= 0) return contents;
        contents.append(buffer, static_cast<size_t>(count));
        offset += count;
    }
}

std::vector<char*> pointers(std::vector<std::string>& words) {
    std::vector<char*> all;
    for (std::string& word : words)
        all.push_back(word.data());
    all.push_back(nullptr);
    return all;
}

struct Streams {
    int in = -1; ///< -1: nothing to read
    int out = STDOUT_FILENO;
    int error = STDERR_FILENO;
};

Result<pid_t> spawn(const Program& program, const Streams& streams) {
    std::vector<std::string> words = program.words;
    std::vector<std::string> environment = program.environment;
    for (char** variable = environ; *variable; ++variable)
        environment.emplace_back(*variable);
    posix_spawn_file_actions_t actions;
    ::posix_spawn_file_actions_init(&actions);
    if (streams.in < 0) ::posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    ::posix_spawn_file_actions_adddup2(&actions, streams.out, STDOUT_FILENO);
    ::posix_spawn_file_actions_adddup2(&actions, streams.error, STDERR_FILENO);
    posix_spawnattr_t attributes;
    ::posix_spawnattr_init(&attributes);
    sigset_t defaults;
    ::sigemptyset(&defaults);
    ::sigaddset(&defaults, SIGINT);
    ::posix_spawnattr_setsigdefault(&attributes, &defaults);
    ::posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGDEF);
    pid_t process = 0;
    int problem = ::posix_spawnp(&process, words[0].c_str(), &actions, &attributes, pointers(words).data(),
                                 pointers(environment).data());
    ::posix_spawnattr_destroy(&attributes);
    ::posix_spawn_file_actions_destroy(&actions);
    if (problem == ENOENT && !program.package.empty())
        return permanent_error(words[0], ": not found; install the package ", program.package);
    if (problem != 0) return system_error(problem, "starting ", words[0]);
    return process;
}

/// proc_pid_io(5); 0 where the kernel does not count.
uint64_t bytes_read_by(pid_t process) {
    constexpr std::string_view kRead = "rchar: ";
    std::string counters = read_file(text("/proc/", process, "/io")).value_or("");
    size_t at = counters.find(kRead);
    if (at == std::string::npos) return 0;
    std::string_view rest = std::string_view(counters).substr(at + kRead.size());
    return parse_number(rest.substr(0, rest.find('\n'))).value_or(0);
}

/// A line that is written over with carriage returns is the last of its parts.
class LineNotes {
  public:
    explicit LineNotes(Progress& progress) : progress_(progress) {}

    void add(std::string_view piece) {
        line_ += piece;
        for (size_t end = 0; (end = line_.find('\n')) != std::string::npos; line_.erase(0, end + 1))
            note(std::string_view(line_).substr(0, end));
    }
    void finish() { note(line_); }

  private:
    void note(std::string_view line) {
        line = trim(line);
        line.remove_prefix(line.rfind('\r') + 1);
        if (!line.empty()) progress_.note(line);
    }

    Progress& progress_;
    std::string line_;
};

/// Closes the pipe at its end. One that started others may end before these close it.
void read_available(UniqueFd& pipe, LineNotes& notes) {
    char buffer[4096];
    ssize_t count = 0;
    while ((count = ::read(pipe.get(), buffer, sizeof buffer)) > 0)
        notes.add({buffer, static_cast<size_t>(count)});
    if (count == 0) pipe.reset();
}

std::string_view name_of(const Program& program) {
    return program.name.empty() ? program.words[0] : program.name;
}

std::unexpected<Error> end_late(const Program& program, pid_t process) {
    ::kill(process, SIGKILL);
    ::waitpid(process, nullptr, 0);
    return transient_error(name_of(program), " did not end within ", program.limit.count(), " s");
}

Result<int> wait_for(const Program& program, pid_t process, UniqueFd lines, Progress& progress) {
    constexpr int kCounting = 100;
    // Where there is no pidfd, poll(2) only waits for the pipe and the time.
    UniqueFd ended(static_cast<int>(::syscall(SYS_pidfd_open, process, 0)));
    bool is_counted = program.reads == Reads::are_counted;
    bool is_limited = program.limit.count() > 0;
    int timeout = is_counted || is_limited || !ended.is_open() ? kCounting : -1;
    auto deadline = std::chrono::steady_clock::now() + program.limit;
    LineNotes notes(progress);
    uint64_t counted = 0;
    int status = 0;
    for (;;) {
        pid_t done = ::waitpid(process, &status, WNOHANG);
        if (done < 0 && errno != EINTR) return system_error(errno, "waiting for ", program.words[0]);
        if (lines.is_open()) read_available(lines, notes);
        if (done > 0) break;
        if (is_limited && std::chrono::steady_clock::now() >= deadline) return end_late(program, process);
        pollfd both[] = {{ended.get(), POLLIN, 0}, {lines.get(), POLLIN, 0}};
        ::poll(both, 2, timeout);
        uint64_t read = is_counted ? bytes_read_by(process) : 0;
        if (read > counted) progress.advance(read - counted);
        counted = std::max(counted, read);
    }
    notes.finish();
    return status;
}

std::unexpected<Error> failure(const Program& program, int status, std::string_view said) {
    std::string how = WIFSIGNALED(status) ? text("ended by signal ", WTERMSIG(status))
                                          : text("failed with exit code ", WEXITSTATUS(status));
    return permanent_error(name_of(program), " ", how, said.empty() ? "" : ": ", said);
}

} // namespace

Result<std::string> run_program(const Program& program, Progress& progress) {
    UniqueFd out = TRY(memory_file());
    UniqueFd error = TRY(memory_file());
    UniqueFd lines;
    bool is_noted = program.noted == Noted::everything;
    if (is_noted) {
        int ends[2];
        if (::pipe2(ends, O_CLOEXEC) != 0) return system_error(errno, "making a pipe");
        lines = UniqueFd(ends[0]);
        out = UniqueFd(ends[1]);
        ::fcntl(lines.get(), F_SETFL, O_NONBLOCK);
    }
    pid_t process = TRY(spawn(program, {.out = out.get(), .error = is_noted ? out.get() : error.get()}));
    if (is_noted) out.reset();
    int status = TRY(wait_for(program, process, std::move(lines), progress));
    std::string printed = is_noted ? "" : contents_of(out);
    std::string said(trim(contents_of(error)));
    if (status == 0 && program.noted == Noted::errors)
        for (const std::string& line : split(said, '\n'))
            if (!line.empty()) progress.note(line);
    if (status == 0) return printed;
    if (said.empty()) said = trim(printed);
    return failure(program, status, said);
}

Result<> run_on_terminal(const Program& program) {
    // As system(3) does: what is typed there is for the program.
    struct sigaction before = {}, ignored = {};
    ignored.sa_handler = SIG_IGN;
    ::sigaction(SIGINT, &ignored, &before);
    Result<pid_t> process = spawn(program, {.in = STDIN_FILENO});
    int status = 0;
    while (process && ::waitpid(*process, &status, 0) < 0 && errno == EINTR) {
    }
    ::sigaction(SIGINT, &before, nullptr);
    TRY(std::move(process));
    if (status != 0) return failure(program, status, "");
    return {};
}

Result<std::string> run_program(const Program& program) {
    SilentProgress silent;
    return run_program(program, silent);
}

std::string command_line(const std::vector<std::string>& words) {
    constexpr std::string_view kPlain =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789@%+=:,./_-";
    std::vector<std::string> quoted;
    for (const std::string& word : words) {
        if (!word.empty() && word.find_first_not_of(kPlain) == std::string::npos) {
            quoted.push_back(word);
            continue;
        }
        std::string inside;
        for (char letter : word)
            letter == '\'' ? inside += "'\\''" : inside += letter;
        quoted.push_back("'" + inside + "'");
    }
    return join(quoted, " ");
}

} // namespace mangrove::head
