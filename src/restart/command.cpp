#include "restart/command.h"

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <fcntl.h>
#include <optional>
#include <sched.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "base/unique_fd.h"
#include "machine/run_files.h"
#include "restart/kexec.h"
#include "restart/soft.h"
#include "system/linux/system.h"

namespace mangrove {

namespace {

constexpr seconds kTimeForSystemd{60};

struct Wanted {
    bool is_soft = false;
    std::string release = {};
};

std::optional<Wanted> parse(const std::vector<std::string>& arguments) {
    Wanted wanted;
    bool has_kind = false;
    for (size_t at = 0; at < arguments.size(); ++at) {
        const std::string& word = arguments[at];
        if (word == "--release" && at + 1 < arguments.size()) {
            wanted.release = arguments[++at];
        } else if (!has_kind && (word == "--soft" || word == "--kexec")) {
            wanted.is_soft = word == "--soft";
            has_kind = true;
        } else {
            return std::nullopt;
        }
    }
    return has_kind ? std::optional(wanted) : std::nullopt;
}

/// The process, and those that it starts, must not be in the root that is about to go. A unit, or a terminal
/// that ends with the root, must not end it half way.
Result<> stand_beside_root() {
    UniqueFd mounts(::open("/proc/1/ns/mnt", O_RDONLY | O_CLOEXEC));
    if (!mounts.is_open() || ::setns(mounts.get(), CLONE_NEWNS) != 0)
        return system_error(errno, "entering the mount namespace of the machine");
    if (::chdir("/") != 0) return system_error(errno, "changing into /");
    ::umask(022);
    for (int ignored : {SIGHUP, SIGPIPE, SIGINT, SIGTERM})
        ::signal(ignored, SIG_IGN);
    return {};
}

/// Until this process has ended, and the one that it has hand the earlier root back.
Result<> lock_out_others() {
    static UniqueFd lock(::open("/run/mangrove/restart.lock", O_RDWR | O_CREAT | O_CLOEXEC, 0600));
    if (!lock.is_open())
        return permanent_error("Mangrove has not booted this machine: it has no ", kRunDirectory);
    if (::flock(lock.get(), LOCK_EX | LOCK_NB) != 0) return permanent_error("another restart is under way");
    return {};
}

Result<> restart(const Wanted& wanted) {
    TRY(stand_beside_root());
    TRY(lock_out_others());
    LinuxSystem system(DeviceManager::udev);
    Plan plan = TRY(fetch_plan(system, wanted.release));
    Run run = [](const std::vector<std::string>& words) { return run_program(words, kTimeForSystemd); };
    return wanted.is_soft ? restart_softly(system, plan, run) : restart_by_kexec(system, plan, run);
}

} // namespace

int run_restart(const std::vector<std::string>& arguments) {
    std::optional<Wanted> wanted = parse(arguments);
    if (!wanted) {
        std::fputs("usage: mangrove restart --soft|--kexec [--release RELEASE]\n", stderr);
        return 2;
    }
    // One that lies in the root would keep it.
    char program[256] = {};
    ssize_t length = ::readlink("/proc/self/exe", program, sizeof program - 1);
    if (length > 0 && !std::string_view(program).starts_with("/run/")) {
        std::fprintf(stderr, "mangrove: start it as %s restart\n", kProgramLink);
        return 2;
    }
    Result<> restarted = restart(*wanted);
    if (restarted) return 0;
    log_line(LogLevel::error, describe(restarted.error()));
    return 1;
}

} // namespace mangrove
