#include "head/files/render_process.h"

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <fcntl.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/whole_file.h"
#include "head/image/confined.h"

namespace mangrove::head {

namespace fs = std::filesystem;

namespace {

/// Of what it writes to; Go reserves far more addresses than it uses.
constexpr rlim_t kMemory = 1ULL << 30;
/// Above the time that it gives a template itself, on a busy machine.
constexpr int kSilence = 60'000; ///< milliseconds
constexpr size_t kLongestAnswer = 64 << 20;

struct Ends {
    UniqueFd channel;
    UniqueFd said;
    UniqueFd program;
};

/// The descriptors of the child become 0, 1, 2 and 3 in two steps, for they may have these numbers already.
bool take_places(const Ends& ends) {
    int fds[] = {ends.channel.get(), ends.channel.get(), ends.said.get(), ends.program.get()};
    for (int& fd : fds)
        fd = ::fcntl(fd, F_DUPFD, 10);
    for (int place = 0; place < 4; ++place)
        if (::dup3(fds[place], place, place == 3 ? O_CLOEXEC : 0) < 0) return false;
    return ::close_range(4, ~0U, 0) == 0;
}

Result<> limit(__rlimit_resource resource, rlim_t most) {
    rlimit both = {most, most};
    if (::setrlimit(resource, &both) != 0) return system_error(errno, "setting a limit of the process");
    return {};
}

Result<> confine(const fs::path& include) {
    ::setsid();
    TRY(limit(RLIMIT_DATA, kMemory));
    TRY(limit(RLIMIT_CORE, 0));
    TRY(enter_confinement(include, Confined::to_read));
    // Not earlier: becoming another user takes it back.
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    return {};
}

[[noreturn]] void be_renderer(const Ends& ends, const fs::path& include, pid_t parent) {
    char name[] = "mangrove-render";
    char directory[] = "/";
    char* words[] = {name, directory, nullptr};
    char* environment[] = {nullptr};
    Result<> confined = confine(include);
    if (!take_places(ends)) ::_exit(1);
    if (!confined) {
        std::string problem = describe(confined.error());
        (void)!::write(STDERR_FILENO, problem.data(), problem.size());
        ::_exit(1);
    }
    if (::getppid() != parent) ::_exit(1);
    ::syscall(SYS_execveat, 3, "", words, environment, AT_EMPTY_PATH);
    ::_exit(1);
}

Result<fs::path> make_empty_directory() {
    std::string name = fs::temp_directory_path() / "mangrove-render-XXXXXX";
    if (!::mkdtemp(name.data())) return system_error(errno, "making a directory");
    ::chmod(name.c_str(), 0755);
    return fs::path(name);
}

} // namespace

Result<RenderProgram> find_render_program() {
    if (const char* named = std::getenv("MANGROVE_RENDER")) return RenderProgram{.program = named};
    std::error_code problem;
    fs::path here = fs::read_symlink("/proc/self/exe", problem).parent_path();
    for (const fs::path& place : {here / "mangrove-render", here / "../libexec/mangrove/mangrove-render"})
        if (fs::exists(place, problem)) return RenderProgram{.program = place};
    return permanent_error("mangrove-render: not found beside ", here.native(),
                           "; install the package mangrovectl again");
}

Result<RenderProcess> RenderProcess::start(const RenderProgram& program) {
    RenderProcess process;
    fs::path include = program.include;
    std::error_code ignored;
    if (!fs::is_directory(include, ignored)) {
        process.empty_directory_.path = TRY(make_empty_directory());
        include = process.empty_directory_.path;
    }
    int ends_of_channel[2];
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends_of_channel) != 0)
        return system_error(errno, "making a socket");
    process.channel_ = UniqueFd(ends_of_channel[0]);
    process.said_ = UniqueFd(::memfd_create("said", MFD_CLOEXEC));
    Ends ends{.channel = UniqueFd(ends_of_channel[1]),
              .said = UniqueFd(::fcntl(process.said_.get(), F_DUPFD_CLOEXEC, 0)),
              .program = UniqueFd(::open(program.program.c_str(), O_RDONLY | O_CLOEXEC))};
    if (!ends.program.is_open()) return system_error(errno, "opening ", program.program.native());
    pid_t parent = ::getpid();
    process.process_ = ::fork();
    if (process.process_ < 0) return system_error(errno, "starting mangrove-render");
    if (process.process_ == 0) be_renderer(ends, include, parent);
    return process;
}

RenderProcess::RenderProcess(RenderProcess&& other) noexcept
    : empty_directory_(std::move(other.empty_directory_)), process_(std::exchange(other.process_, 0)),
      channel_(std::move(other.channel_)), said_(std::move(other.said_)), buffer_(std::move(other.buffer_)),
      problem_(std::move(other.problem_)) {}

RenderProcess::~RenderProcess() {
    if (process_ <= 0) return;
    ::kill(process_, SIGKILL);
    while (::waitpid(process_, nullptr, 0) < 0 && errno == EINTR) {
    }
}

/// Both return false when it has ended.
bool RenderProcess::write_some(std::string_view& requests) {
    ssize_t count = ::send(channel_.get(), requests.data(), requests.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (count < 0) return errno == EAGAIN || errno == EINTR;
    requests.remove_prefix(static_cast<size_t>(count));
    return true;
}

bool RenderProcess::read_some() {
    char piece[65536];
    ssize_t count = ::recv(channel_.get(), piece, sizeof piece, MSG_DONTWAIT);
    if (count < 0) return errno == EAGAIN || errno == EINTR;
    buffer_.append(piece, static_cast<size_t>(count));
    return count > 0 && buffer_.size() < kLongestAnswer;
}

std::vector<std::string> RenderProcess::exchange(std::string_view requests, size_t expected) {
    std::vector<std::string> answers;
    bool is_read = true;
    while (is_read && (answers.size() < expected || !requests.empty())) {
        auto wanted = static_cast<short>(requests.empty() ? POLLIN : POLLIN | POLLOUT);
        pollfd channel{channel_.get(), wanted, 0};
        int ready = ::poll(&channel, 1, kSilence);
        if (ready < 0 && errno == EINTR) continue;
        if (ready <= 0) {
            problem_ = text("gave no answer for ", kSilence / 1000, " seconds");
            break;
        }
        if ((channel.revents & POLLOUT) != 0 && !write_some(requests)) requests = {};
        if ((channel.revents & ~POLLOUT) != 0) is_read = read_some();
        size_t begin = 0;
        for (size_t end = 0; (end = buffer_.find('\n', begin)) != std::string::npos; begin = end + 1)
            answers.push_back(buffer_.substr(begin, end - begin));
        buffer_.erase(0, begin);
    }
    return answers;
}

std::string RenderProcess::epitaph() {
    if (!problem_.empty()) return problem_;
    int status = 0;
    while (::waitpid(process_, &status, 0) < 0 && errno == EINTR) {
    }
    process_ = 0;
    char said[512];
    ssize_t count = ::pread(said_.get(), said, sizeof said, 0);
    std::string_view words(said, count > 0 ? static_cast<size_t>(count) : 0);
    std::string first(trim(words.substr(0, words.find('\n'))));
    if (first.contains("out of memory") || first.contains("cannot allocate memory"))
        return text("needs more than ", kMemory >> 20, " MiB of memory");
    return text(WIFSIGNALED(status) ? text("ended mangrove-render by signal ", WTERMSIG(status))
                                    : text("ended mangrove-render with exit code ", WEXITSTATUS(status)),
                first.empty() ? "" : ": ", first);
}

} // namespace mangrove::head
