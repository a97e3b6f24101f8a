#include <algorithm>
#include <cerrno>
#include <csignal>
#include <ctime>
#include <fcntl.h>
#include <linux/capability.h>
#include <ranges>
#include <sched.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/log.h"
#include "base/octal_escapes.h"
#include "base/unique_fd.h"
#include "system/linux/bounded_mount.h"
#include "system/linux/carried_mount.h"
#include "system/linux/own_process.h"
#include "system/linux/system.h"

namespace mangrove {

namespace {

constexpr std::string_view kReady = "ready";

/// Where the residents' file system is made, before it becomes their root.
constexpr const char* kShelter = "/keeper";
/// As above, beside a root that is read-only.
constexpr const char* kShelterInRun = "/run/mangrove/shelter";

Result<> make_mount(const MountRequest& request) {
    if (::mkdir(request.target.c_str(), 0755) != 0 && errno != EEXIST)
        return system_error(errno, "making the directory ", request.target);
    if (int problem = mount_now(request); problem != 0)
        return system_error(problem, "mounting ", request.target);
    return {};
}

Result<> make_device(const std::string& shelter, const std::string& name, dev_t number) {
    std::string path = text(shelter, "/dev/", name);
    if (::mknod(path.c_str(), S_IFCHR | 0600, number) != 0) return system_error(errno, "making ", path);
    return {};
}

/// So that names can be looked up again.
void copy_resolver_file(System& system, const std::string& shelter) {
    ::mkdir((shelter + "/etc").c_str(), 0755);
    for (const char* path : {"/etc/resolv.conf", "/etc/hosts"})
        if (Result<std::string> contents = system.read_file(path); contents)
            if (Result<> copied = system.write_file(shelter + path, *contents, 0644); !copied)
                log_warning("name lookup will not work after the boot: ", copied.error().what);
}

Result<> make_shelter(System& system, const std::string& shelter) {
    constexpr unsigned long kCareful = MS_NOSUID | MS_NOEXEC;
    TRY(make_mount({"tmpfs", shelter, "tmpfs", kCareful, "mode=0700,size=1m"}));
    TRY(make_mount({"sysfs", shelter + "/sys", "sysfs", kCareful, ""}));
    TRY(make_mount({"proc", shelter + "/proc", "proc", kCareful, ""}));
    TRY(make_mount({"/run", shelter + "/run", "", MS_BIND, ""}));
    ::mkdir((shelter + "/dev").c_str(), 0755);
    TRY(make_device(shelter, "null", makedev(1, 3)));
    TRY(make_device(shelter, "kmsg", makedev(1, 11)));
    TRY(make_device(shelter, "random", makedev(1, 8))); // TLS begins with it
    copy_resolver_file(system, shelter);
    return {};
}

/// A mount that only the residents see would keep its file system, and the device below it, in use after the
/// running system has unmounted it.
Result<> unmount_all_but_shelter(System& system) {
    constexpr size_t kMountPoint = 4;
    std::vector<std::string> lines = split(TRY(system.read_file("/proc/self/mountinfo")), '\n');
    for (const std::string& line : std::views::reverse(lines)) {
        std::vector<std::string> fields = split(line, ' ');
        if (fields.size() <= kMountPoint) continue;
        std::string path = without_octal_escapes(fields[kMountPoint]);
        if (path == "/" || (path + "/").starts_with(text(kShelter, "/"))) continue;
        if (::umount2(path.c_str(), MNT_DETACH | UMOUNT_NOFOLLOW) != 0)
            log_warning("unmounting ", path, " for the keeper: ", errno_text(errno), ", ignoring");
    }
    return {};
}

/// Makes the current directory the root of the namespace; nothing else is mounted in it then.
Result<> leave_root(System& system) {
    if (::syscall(SYS_pivot_root, ".", ".") == 0) {
        if (::umount2(".", MNT_DETACH) != 0) return system_error(errno, "unmounting the root for the keeper");
        return {};
    }
    // pivot_root(2) does not work on the initramfs. Its mount point goes with that; the root of the namespace
    // is there to stay.
    TRY(unmount_all_but_shelter(system));
    if (::mount(".", "/", nullptr, MS_MOVE, nullptr) != 0)
        return system_error(errno, "moving ", kShelter, " to /");
    return {};
}

/// In a mount namespace that nobody else is in: an init that detaches the initramfs with all that is mounted
/// there (systemd since 257) takes nothing from us.
Result<> move_into_shelter(System& system) {
    if (::unshare(CLONE_NEWNS) != 0) return system_error(errno, "making the keeper's mount namespace");
    if (::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0)
        return system_error(errno, "making the keeper's mounts private");
    bool is_read_only = ::mkdir(kShelter, 0755) != 0 && errno == EROFS;
    const char* shelter = is_read_only ? kShelterInRun : kShelter;
    TRY(make_shelter(system, shelter));
    if (::chdir(shelter) != 0) return system_error(errno, "changing into ", shelter);
    TRY(leave_root(system));
    if (::chroot(".") != 0 || ::chdir("/") != 0) return system_error(errno, "changing into ", shelter);
    return {};
}

constexpr uint64_t capability_mask(std::initializer_list<int> capabilities) {
    uint64_t mask = 0;
    for (int capability : capabilities)
        mask |= uint64_t{1} << capability;
    return mask;
}

/// For the kernel's interfaces of iSCSI (CAP_SYS_ADMIN) and NBD (CAP_NET_ADMIN), leases, what the running
/// system has below /proc/1/root, the kernel's log, locked memory, and the end of the machine.
constexpr uint64_t kCapabilities =
    capability_mask({CAP_DAC_READ_SEARCH, CAP_NET_BIND_SERVICE, CAP_NET_ADMIN, CAP_NET_RAW, CAP_IPC_LOCK,
                     CAP_SYS_PTRACE, CAP_SYS_ADMIN, CAP_SYS_BOOT, CAP_SYS_RESOURCE, CAP_SYSLOG});

Result<> drop_capabilities() {
    for (int capability = 0; ::prctl(PR_CAPBSET_READ, capability, 0, 0, 0) >= 0; ++capability)
        if ((kCapabilities >> capability & 1) == 0) ::prctl(PR_CAPBSET_DROP, capability, 0, 0, 0);
    ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
    __user_cap_data_struct sets[2] = {};
    if (::syscall(SYS_capget, &header, sets) != 0) return system_error(errno, "reading the capabilities");
    for (unsigned half : {0U, 1U}) {
        auto kept = static_cast<uint32_t>(kCapabilities >> (32 * half));
        sets[half] = {sets[half].effective & kept, sets[half].permitted & kept, 0};
    }
    if (::syscall(SYS_capset, &header, sets) != 0) return system_error(errno, "dropping capabilities");
    return {};
}

void leave_console() {
    ::setsid();
    int null = ::open("/dev/null", O_RDWR);
    for (int standard : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO})
        ::dup2(null, standard);
    if (null > STDERR_FILENO) ::close(null);
    for (int ignored : {SIGTERM, SIGINT, SIGHUP, SIGPIPE, SIGUSR2})
        ::signal(ignored, SIG_IGN);
}

/// With the facility of a daemon, so that the journal does not take it for the kernel's words.
void log_to_kernel(LogLevel level, std::string_view line) {
    constexpr int kDaemon = 3 << 3;
    int priority = level == LogLevel::error ? 3 : level == LogLevel::warning ? 4 : 5;
    UniqueFd kernel_log(::open("/dev/kmsg", O_WRONLY | O_CLOEXEC));
    std::string record = text("<", kDaemon | priority, ">mangrove: ", line, "\n");
    static_cast<void>(!::write(kernel_log.get(), record.data(), record.size()));
}

/// While the root is away nothing of us may have to be read, and nothing that we need may have to be written
/// out first.
Result<> stay_in_memory() {
    if (::mlockall(MCL_CURRENT | MCL_FUTURE) != 0) return system_error(errno, "locking the keeper's memory");
#ifdef PR_SET_IO_FLUSHER
    if (::prctl(PR_SET_IO_FLUSHER, 1, 0, 0, 0) != 0)
        log_notice("the kernel does not know PR_SET_IO_FLUSHER, ignoring: ", errno_text(errno));
#endif
    // It holds the secrets of the logins.
    ::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
    rlimit no_core = {0, 0};
    ::setrlimit(RLIMIT_CORE, &no_core);
    return {};
}

/// Under dracut we are a part of the unit that started us, and systemd ends a unit with all that is in its
/// cgroup, KillMode= or not, when the real root does not have it.
void leave_unit(System& system) {
    for (const char* root : {"/sys/fs/cgroup/cgroup.procs", "/sys/fs/cgroup/systemd/cgroup.procs"})
        if (system.write_attribute(root, "0")) return;
}

Result<> become_resident() {
    LinuxSystem system(DeviceManager::kernel, LinuxSystem::DeviceEvents::ignored);
    leave_unit(system);
    TRY(move_into_shelter(system));
    leave_console();
    set_log_sink(log_to_kernel);
    program_invocation_name[0] = '@';
    ::prctl(PR_SET_NAME, kKeeperName, 0, 0, 0);
    if (Result<> spared = system.write_attribute("/proc/self/oom_score_adj", "-1000"); !spared)
        log_warning(spared.error().what, ", ignoring: the OOM killer may choose the keeper");
    TRY(drop_capabilities());
    return stay_in_memory();
}

void tell_that_nobody_restarts(int) {
    constexpr std::string_view kRecord = "<27>mangrove: the keeper's parent was killed: if the keeper dies "
                                         "too, lost connections of the root will not be restored\n";
    int kernel_log = ::open("/dev/kmsg", O_WRONLY | O_CLOEXEC);
    static_cast<void>(!::write(kernel_log, kRecord.data(), kRecord.size()));
    ::close(kernel_log);
}

/// Its parent takes that for work that is done.
[[noreturn]] void retire(int) {
    ::_exit(0);
}

void close_all_but(std::vector<int> kept) {
    std::ranges::sort(kept);
    int first = STDERR_FILENO + 1;
    for (int descriptor : kept) {
        if (descriptor > first) ::syscall(SYS_close_range, first, descriptor - 1, 0);
        first = std::max(first, descriptor + 1);
    }
    ::syscall(SYS_close_range, first, ~0U, 0);
}

/// No process can ignore SIGSTOP, and any other that would continue it is stopped, too. The kernel's timers
/// are not.
Result<> go_on_when_stopped() {
    constexpr time_t kInterval = 1;
    struct sigaction nothing = {};
    nothing.sa_handler = [](int) {}; // a timer whose signal is ignored may be stopped
    nothing.sa_flags = SA_RESTART;
    ::sigaction(SIGCONT, &nothing, nullptr);
    sigevent event = {};
    event.sigev_notify = SIGEV_SIGNAL;
    event.sigev_signo = SIGCONT;
    timer_t timer = {};
    itimerspec interval = {};
    interval.it_interval.tv_sec = kInterval;
    interval.it_value.tv_sec = kInterval;
    if (::timer_create(CLOCK_MONOTONIC, &event, &timer) != 0
        || ::timer_settime(timer, 0, &interval, nullptr) != 0)
        return system_error(errno, "making a timer");
    return {};
}

[[noreturn]] void work_alone(const std::function<void(System&)>& work) {
    LinuxSystem system(DeviceManager::kernel, LinuxSystem::DeviceEvents::ignored);
    work(system);
    ::_exit(0);
}

} // namespace

void become_own_process(System& system) {
    leave_unit(system);
    leave_console();
    set_log_sink(log_to_kernel);
    program_invocation_name[0] = '@';
}

Result<std::shared_ptr<uint8_t>> LinuxSystem::share_memory(size_t size) {
    void* memory =
        ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
    if (memory == MAP_FAILED) return system_error(errno, "getting ", size >> 20, " MiB of shared memory");
    return std::shared_ptr<uint8_t>(static_cast<uint8_t*>(memory),
                                    [size](uint8_t* begin) { ::munmap(begin, size); });
}

Result<> LinuxSystem::start_in_shelter(const std::function<void(System&)>& work,
                                       const std::vector<int>& kept) {
    int ends[2] = {-1, -1};
    if (::pipe2(ends, O_CLOEXEC) != 0) return system_error(errno, "making a pipe");
    UniqueFd reading(ends[0]);
    UniqueFd writing(ends[1]);
    pid_t child = ::fork();
    if (child < 0) return system_error(errno, "starting the keeper");
    if (child == 0) {
        int out = writing.release();
        reading.reset();
        Result<> ready = become_resident();
        std::string answer(ready ? kReady : ready.error().what);
        static_cast<void>(!::write(out, answer.data(), answer.size()));
        close_all_but(kept);
        if (!ready) ::_exit(1);
        work_alone(work);
    }
    writing.reset();
    char buffer[512];
    ssize_t size = ::read(reading.get(), buffer, sizeof buffer);
    if (size < 0) return system_error(errno, "starting the keeper");
    if (size == 0) return permanent_error("the keeper died while it started");
    std::string_view answer(buffer, static_cast<size_t>(size));
    if (answer != kReady) return permanent_error(answer);
    return {};
}

Result<int> LinuxSystem::start_resident(const Resident& resident) {
    pid_t child = ::fork();
    if (child < 0) return system_error(errno, "starting the keeper of ", resident.name);
    if (child > 0) return child;
    ::signal(SIGUSR1, tell_that_nobody_restarts);
    ::signal(SIGUSR2, resident.outlives_root ? SIG_IGN : retire);
    ::prctl(PR_SET_PDEATHSIG, SIGUSR1, 0, 0, 0);
    if (Result<> locked = stay_in_memory(); !locked) log_warning(locked.error().what, ", ignoring");
    if (resident.goes_on_when_stopped)
        if (Result<> prepared = go_on_when_stopped(); !prepared)
            log_warning(prepared.error().what, ", ignoring: a shutdown may hang");
    work_alone(resident.run);
}

void LinuxSystem::end_resident(int process) {
    ::kill(process, SIGKILL);
    ::waitpid(process, nullptr, 0);
}

Result<> LinuxSystem::retire_resident(int process) {
    if (::kill(process, SIGUSR2) != 0 && errno != ESRCH)
        return system_error(errno, "ending the work of process ", process);
    return {};
}

/// Sees the switch of the root from within: pivot_root(2) changes the root of all processes that have it.
[[noreturn]] static void work_in_root(System& system, const std::string& awaited,
                                      std::vector<CarriedMount> carried,
                                      const std::function<void(System&)>& work) {
    constexpr std::chrono::hours kPatience{1};
    constexpr milliseconds kPause{20};
    std::string mounts;
    for (Time begin = system.now(); mount_number(mounts, "/") != awaited; system.sleep(kPause)) {
        if (system.now() - begin > kPatience) ::_exit(1);
        mounts = system.read_file("/proc/self/mountinfo").value_or("");
    }
    for (const CarriedMount& each : carried) {
        if (!mount_number(mounts, each.path()).empty()) continue;
        if (Result<> mounted = each.mount(); !mounted) log_warning(mounted.error().what, ", ignoring");
    }
    carried.clear();
    work_alone(work);
}

Result<int> LinuxSystem::start_across_roots(const std::string& new_root,
                                            const std::vector<std::string>& carried,
                                            const std::function<void(System&)>& work) {
    std::string awaited = mount_number(TRY(read_file("/proc/self/mountinfo")), new_root);
    if (awaited.empty()) return permanent_error("nothing is mounted on ", new_root);
    std::vector<CarriedMount> mounts;
    for (const std::string& path : carried)
        mounts.push_back(TRY(CarriedMount::take(path)));
    pid_t child = ::fork();
    if (child < 0) return system_error(errno, "starting a process that outlives the root");
    if (child > 0) return child;
    become_own_process(*this);
    if (::chdir("/") != 0) ::_exit(1);
    LinuxSystem system(DeviceManager::kernel, DeviceEvents::ignored);
    work_in_root(system, awaited, std::move(mounts), work);
}

Result<> LinuxSystem::end_process(int process) {
    if (::kill(process, SIGKILL) != 0) return system_error(errno, "ending process ", process);
    return {};
}

ResidentEnd LinuxSystem::wait_for_resident() {
    int status = 0;
    ResidentEnd end = {.process = ::waitpid(-1, &status, 0)};
    if (WIFSIGNALED(status))
        end.failure = text("signal ", WTERMSIG(status));
    else if (WEXITSTATUS(status) != 0)
        end.failure = text("exit status ", WEXITSTATUS(status));
    return end;
}

} // namespace mangrove
