#include "head/host/program.h"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <fcntl.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/unique_fd.h"

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

Result<int> spawn_and_wait(const Program& program, int out, int error) {
    std::vector<std::string> words = program.words;
    std::vector<std::string> environment = program.environment;
    for (char** variable = environ; *variable; ++variable)
        environment.emplace_back(*variable);
    posix_spawn_file_actions_t actions;
    ::posix_spawn_file_actions_init(&actions);
    ::posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    ::posix_spawn_file_actions_adddup2(&actions, out, STDOUT_FILENO);
    ::posix_spawn_file_actions_adddup2(&actions, error, STDERR_FILENO);
    pid_t process = 0;
    int problem = ::posix_spawnp(&process, words[0].c_str(), &actions, nullptr, pointers(words).data(),
                                 pointers(environment).data());
    ::posix_spawn_file_actions_destroy(&actions);
    if (problem == ENOENT && !program.package.empty())
        return permanent_error("there is no ", words[0], "; it comes with the package ", program.package);
    if (problem != 0) return system_error(problem, "starting ", words[0]);
    int status = 0;
    while (::waitpid(process, &status, 0) < 0)
        if (errno != EINTR) return system_error(errno, "waiting for ", words[0]);
    return status;
}

} // namespace

Result<std::string> run_program(const Program& program) {
    UniqueFd out = TRY(memory_file());
    UniqueFd error = TRY(memory_file());
    bool shown = program.output == Output::shown;
    int status =
        TRY(spawn_and_wait(program, shown ? STDERR_FILENO : out.get(), shown ? STDERR_FILENO : error.get()));
    std::string printed = contents_of(out);
    std::string said(trim(contents_of(error)));
    if (status == 0 && program.output == Output::warnings_shown && !said.empty())
        std::fprintf(stderr, "%s\n", said.c_str());
    if (status == 0) return printed;
    if (said.empty()) said = trim(printed);
    std::string how = WIFSIGNALED(status) ? text("ended by signal ", WTERMSIG(status))
                                          : text("failed with exit code ", WEXITSTATUS(status));
    return permanent_error(program.name.empty() ? program.words[0] : program.name, " ", how,
                           said.empty() ? "" : ": ", said);
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
