#include "head/image/confined.h"

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <fcntl.h>
#include <linux/capability.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/unique_fd.h"
#include "head/host/files.h"
#include "head/host/json.h"

namespace mangrove::head {

namespace fs = std::filesystem;

namespace {

/// Next to nobody, so that no process of the machine belongs to it.
constexpr uid_t kUser = 65533;
/// For libarchive, whose decompressors need up to this much for what others packed.
constexpr rlim_t kMemory = 2ULL << 30;

using ConfinedWork = std::function<Result<std::string>(const Advance& advance)>;

/// "+1048576\n": so many bytes more. The answer itself is JSON.
constexpr char kAdvance = '+';
constexpr uint64_t kToldAtOnce = 1 << 20;

constexpr uint32_t bit(int capability) {
    return 1U << capability;
}
constexpr uint32_t kKept = bit(CAP_CHOWN) | bit(CAP_DAC_OVERRIDE) | bit(CAP_FOWNER) | bit(CAP_FSETID)
                           | bit(CAP_MKNOD) | bit(CAP_SETFCAP);

using Capabilities = __user_cap_data_struct[2];

/// The system calls themselves, here and below: the library's functions change all threads.
bool read_capabilities(Capabilities& data) {
    __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
    return ::syscall(SYS_capget, &header, data) == 0;
}

bool may_administer() {
    Capabilities data = {};
    return read_capabilities(data) && (data[0].effective & bit(CAP_SYS_ADMIN)) != 0;
}

Result<> become_ordinary_user() {
    ::prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0);
    if (::syscall(SYS_setgroups, 0, nullptr) != 0 || ::syscall(SYS_setresgid, kUser, kUser, kUser) != 0
        || ::syscall(SYS_setresuid, kUser, kUser, kUser) != 0)
        return system_error(errno, "becoming an ordinary user");
    return {};
}

Result<> give_up_capabilities(uint32_t kept) {
    Capabilities data = {};
    if (!read_capabilities(data)) return system_error(errno, "reading the capabilities");
    kept &= data[0].permitted;
    data[0] = {.effective = kept, .permitted = kept, .inheritable = 0};
    data[1] = {};
    __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
    if (::syscall(SYS_capset, &header, data) != 0 || ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
        return system_error(errno, "giving up capabilities");
    return {};
}

/// How the file system keeps times of access, which only root may change in a namespace of its own.
unsigned long times_of_access(const fs::path& directory) {
    struct statvfs status = {};
    if (::statvfs(directory.c_str(), &status) != 0) return 0;
    return ((status.f_flag & ST_NOATIME) != 0 ? MS_NOATIME : 0)
           | ((status.f_flag & ST_NODIRATIME) != 0 ? MS_NODIRATIME : 0)
           | ((status.f_flag & ST_RELATIME) != 0 ? MS_RELATIME : 0);
}

/// A mount of the directory on itself, in a namespace where nobody else sees it.
Result<> separate(const fs::path& directory, Confined purpose) {
    if (::unshare(CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWIPC) != 0)
        return system_error(errno, "leaving the namespaces of the machine");
    const char* path = directory.c_str();
    unsigned long flags = MS_BIND | MS_REMOUNT | MS_NODEV | MS_NOSUID | MS_NOEXEC
                          | (purpose == Confined::to_read ? MS_RDONLY : 0) | times_of_access(directory);
    if (::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0
        || ::mount(path, path, nullptr, MS_BIND, nullptr) != 0
        || ::mount(nullptr, path, nullptr, flags, nullptr) != 0)
        return system_error(errno, "mounting ", directory.native(), " on itself");
    return {};
}

Result<> set_limit(__rlimit_resource resource, rlim_t limit) {
    rlimit both = {limit, limit};
    if (::setrlimit(resource, &both) != 0) return system_error(errno, "setting a limit of the process");
    return {};
}

Result<> set_limits() {
    std::string pages = TRY(read_file("/proc/self/statm"));
    uint64_t used = parse_number(pages.substr(0, pages.find(' '))).value_or(0);
    TRY(set_limit(RLIMIT_AS, used * static_cast<uint64_t>(::sysconf(_SC_PAGESIZE)) + kMemory));
    TRY(set_limit(RLIMIT_CORE, 0));
    return set_limit(RLIMIT_NPROC, 0);
}

void close_all_but(std::vector<int> kept) {
    std::ranges::sort(kept);
    unsigned next = 0;
    for (int fd : kept) {
        if (static_cast<unsigned>(fd) > next) ::close_range(next, static_cast<unsigned>(fd) - 1, 0);
        next = static_cast<unsigned>(fd) + 1;
    }
    ::close_range(next, ~0U, 0);
}

std::string to_text(const Result<std::string>& result) {
    Json json = make_json_object();
    if (result) {
        add_text(json.get(), "value", *result);
        return indented_json(json.get());
    }
    add_text(json.get(), "what", result.error().what);
    cJSON_AddNumberToObject(json.get(), "code", result.error().code);
    add_texts(json.get(), "while", result.error().while_doing);
    return indented_json(json.get());
}

Result<std::string> from_text(const std::string& written) {
    Json json = TRY(parse_json(written, "what the process that unpacks says"));
    if (cJSON_HasObjectItem(json.get(), "value")) return text_at(json.get(), "value");
    return std::unexpected(Error{.what = text_at(json.get(), "what"),
                                 .code = static_cast<int>(number_at(json.get(), "code")),
                                 .while_doing = texts_at(json.get(), "while")});
}

Result<std::string> work_confined(const fs::path& directory, pid_t parent, const ConfinedWork& work,
                                  const Advance& advance) {
    ::setsid(); // what it writes to a terminal is no input of it
    TRY(set_limits());
    TRY(enter_confinement(directory), "confining the process that unpacks");
    // Not earlier: becoming another user takes it back.
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (::getppid() != parent) return permanent_error("mangrovectl ended meanwhile");
    return work(advance);
}

void say(int answer, std::string_view words) {
    while (!words.empty()) {
        ssize_t count = ::write(answer, words.data(), words.size());
        if (count <= 0) ::_exit(1);
        words.remove_prefix(static_cast<size_t>(count));
    }
}

[[noreturn]] void be_child(const fs::path& directory, std::vector<int> descriptors, int answer, pid_t parent,
                           const ConfinedWork& work) {
    UniqueFd nothing(::open("/dev/null", O_RDWR));
    ::dup2(nothing.get(), STDIN_FILENO);
    ::dup2(nothing.get(), STDOUT_FILENO);
    descriptors.insert(descriptors.end(), {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO, answer});
    close_all_but(std::move(descriptors));
    uint64_t untold = 0;
    Advance advance = [&](uint64_t bytes) {
        untold += bytes;
        if (untold < kToldAtOnce) return;
        say(answer, text(kAdvance, untold, "\n"));
        untold = 0;
    };
    say(answer, to_text(work_confined(directory, parent, work, advance)));
    ::_exit(0);
}

/// Removes the lines at its beginning that report an advance, and passes them on.
void take_advances(std::string& answer, Progress& progress) {
    size_t end = 0;
    while (answer.starts_with(kAdvance) && (end = answer.find('\n')) != std::string::npos) {
        progress.advance(parse_number(std::string_view(answer).substr(1, end - 1)).value_or(0));
        answer.erase(0, end + 1);
    }
}

std::string read_answer(int fd, Progress& progress) {
    std::string answer;
    char buffer[4096];
    for (;;) {
        ssize_t count = ::read(fd, buffer, sizeof buffer);
        if (count < 0 && errno == EINTR) continue;
        if (count <= 0) return answer;
        answer.append(buffer, static_cast<size_t>(count));
        take_advances(answer, progress);
    }
}

} // namespace

Result<> enter_confinement(const fs::path& directory, Confined purpose) {
    bool is_root = ::geteuid() == 0;
    // An ordinary user has such rights in a namespace of users alone.
    if (!is_root && purpose == Confined::to_read && ::unshare(CLONE_NEWUSER) != 0)
        return system_error(errno, "making a namespace of users (run this as root)");
    // In a container that may not do this, the root directory and the lost capabilities remain.
    if (may_administer())
        TRY(separate(directory, purpose));
    else if (::unshare(CLONE_FS) != 0)
        return system_error(errno, "leaving the root directory of the process");
    ::umask(0);
    if (::chdir(directory.c_str()) != 0 || ::chroot(".") != 0)
        return system_error(errno, "making ", directory.native(), " the root directory");
    if (is_root || purpose == Confined::to_write) TRY(become_ordinary_user());
    return give_up_capabilities(purpose == Confined::to_write ? kKept : 0);
}

Result<std::string> run_confined(const fs::path& directory, std::vector<int> descriptors,
                                 const ConfinedWork& work, Progress& progress) {
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0) return system_error(errno, "making a pipe");
    UniqueFd out(ends[0]);
    UniqueFd in(ends[1]);
    pid_t parent = ::getpid();
    pid_t child = ::fork();
    if (child < 0) return system_error(errno, "starting a process");
    if (child == 0) be_child(directory, std::move(descriptors), in.get(), parent, work);
    in.reset();
    std::string answer = read_answer(out.get(), progress);
    int status = 0;
    while (::waitpid(child, &status, 0) < 0)
        if (errno != EINTR) return system_error(errno, "waiting for the process that unpacks");
    if (WIFSIGNALED(status))
        return permanent_error("the process that unpacks ended by signal ", WTERMSIG(status),
                               "; the archive may be damaged");
    return from_text(answer);
}

} // namespace mangrove::head
