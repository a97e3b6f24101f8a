#include "system/linux/program.h"

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <fcntl.h>
#include <filesystem>
#include <poll.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/result.h"
#include "base/unique_fd.h"

extern char** environ;

namespace mangrove {

namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

constexpr int kNotStarted = 127;
constexpr int kOutOfTime = 124; // as timeout(1) says it
constexpr size_t kMostOutput = size_t(64) * 1024;

/// Returns 0 or an error code.
int spawn(std::vector<std::string>& words, int output, pid_t& child) {
    posix_spawn_file_actions_t actions;
    ::posix_spawn_file_actions_init(&actions);
    ::posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    ::posix_spawn_file_actions_adddup2(&actions, output, STDOUT_FILENO);
    ::posix_spawn_file_actions_adddup2(&actions, output, STDERR_FILENO);
    posix_spawnattr_t attributes;
    ::posix_spawnattr_init(&attributes);
    ::posix_spawnattr_setpgroup(&attributes, 0);
    ::posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP);
    std::vector<char*> pointers;
    for (std::string& word : words)
        pointers.push_back(word.data());
    pointers.push_back(nullptr);
    int problem = ::posix_spawnp(&child, pointers[0], &actions, &attributes, pointers.data(), environ);
    ::posix_spawnattr_destroy(&attributes);
    ::posix_spawn_file_actions_destroy(&actions);
    return problem;
}

/// Adds output that is there now, a part of it where the program floods. Returns whether more may come.
bool read_available(const UniqueFd& pipe, std::string& output) {
    constexpr int kPieces = 64;
    char piece[4096];
    for (int i = 0; i < kPieces; ++i) {
        ssize_t count = ::read(pipe.get(), piece, sizeof piece);
        if (count == 0) return false;
        if (count < 0) return errno == EAGAIN || errno == EINTR;
        if (output.size() < kMostOutput) output.append(piece, static_cast<size_t>(count));
    }
    return true;
}

/// Waits for the program, not for children that it has left behind. Returns its status, or kOutOfTime.
int wait_for(pid_t child, UniqueFd pipe, Clock::time_point deadline, std::string& output) {
    constexpr int kPauseMilliseconds = 50;
    int status = 0;
    for (;;) {
        bool has_ended = ::waitpid(child, &status, WNOHANG) != 0;
        if (pipe.is_open() && !read_available(pipe, output)) pipe.reset();
        if (has_ended) break;
        if (Clock::now() >= deadline) {
            ::kill(-child, SIGKILL);
            ::waitpid(child, &status, 0);
            return kOutOfTime;
        }
        pollfd readable = {pipe.get(), POLLIN, 0};
        ::poll(&readable, 1, kPauseMilliseconds);
    }
    return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

} // namespace

EndedProgram run_program(std::vector<std::string> words, std::chrono::seconds limit) {
    EndedProgram ended{.name = words.front()};
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0)
        return {.name = words.front(), .status = kNotStarted, .output = errno_text(errno)};
    UniqueFd read_end(ends[0]);
    UniqueFd write_end(ends[1]);
    pid_t child = 0;
    if (int problem = spawn(words, write_end.get(), child); problem != 0)
        return {.name = words.front(), .status = kNotStarted, .output = errno_text(problem)};
    write_end.reset();
    ended.status = wait_for(child, std::move(read_end), Clock::now() + limit, ended.output);
    if (ended.status == kOutOfTime) ended.output = text("not finished after ", limit.count(), " s");
    return ended;
}

std::vector<EndedProgram> run_programs_in(const std::string& directory, std::chrono::seconds limit) {
    std::vector<std::string> paths;
    std::error_code problem;
    for (fs::directory_iterator entry(directory, problem), end; !problem && entry != end;
         entry.increment(problem)) {
        std::error_code ignored;
        if (entry->is_regular_file(ignored) && ::access(entry->path().c_str(), X_OK) == 0)
            paths.push_back(entry->path().native());
    }
    std::ranges::sort(paths);
    std::vector<EndedProgram> all;
    for (const std::string& path : paths) {
        EndedProgram& ended = all.emplace_back(run_program({path}, limit));
        ended.name = path.substr(path.rfind('/') + 1);
        ended.output = ended.output.substr(0, ended.output.find('\n'));
    }
    return all;
}

} // namespace mangrove
