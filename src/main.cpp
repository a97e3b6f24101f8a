#include <cerrno>
#include <csignal>
#include <cstdio>
#include <fcntl.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "boot/guard.h"
#include "boot/provision.h"
#include "definition/commands.h"
#include "dracut.h"
#include "health/command.h"
#include "initramfs/command.h"
#include "live/command.h"
#include "restart/command.h"
#include "root/post_report.h"
#include "root/record_profile.h"
#include "root/tear_down.h"
#include "source/commands.h"
#include "status/command.h"
#include "system/linux/bounded_child.h"
#include "system/linux/system.h"
#include "trust/check_command.h"
#include "wiped_memory.h"

namespace mangrove {

namespace {

struct Subcommand {
    const char* name;
    const char* arguments;
    const char* meaning;
    int (*run)(const std::vector<std::string>& arguments);
};

constexpr Subcommand kSubcommands[] = {
    {"check", "[--signers FILE …] FILE",
     "lists every problem of a definition; with the allowed signers, why a node would refuse it",
     trust::run_check},
    {"encode", "FILE", "prints a definition as an argument for the kernel command line",
     definition::run_encode},
    {"decode", "ARGUMENT …",
     "prints the definition in such an argument, or the one that a kernel command line describes",
     run_decode},
    {"status", "[--json]", "shows the health of a node that Mangrove booted", run_status},
    {"post-report", "",
     "posts the boot report to the definition's report.url; called by mangrove-report.service",
     run_post_report},
    {"post-profile", "",
     "posts which files the boot read (mangrove.profile=record); called by mangrove-profile.service",
     run_post_profile},
    {"files", "",
     "keeps files of the node as the definition's files.url has them; called by mangrove-files.service",
     run_files},
    {"post-health", "[--keep]",
     "posts the health of the node to the definition's health.url, once; called by mangrove-health.service",
     run_post_health},
    {"restart", "--soft|--kexec [--release RELEASE]",
     "restarts the node without its firmware, into a release of the head node", run_restart},
    {"dracut", "", "assembles the root on /sysroot; called in an initramfs of dracut", run_dracut},
    {"initramfs", "--output FILE …", "builds an initramfs for a kernel", run_initramfs},
};

void print(FILE* stream, const Subcommand& subcommand) {
    std::fprintf(stream, "  mangrove %s %s\n      %s\n", subcommand.name, subcommand.arguments,
                 subcommand.meaning);
}

int print_usage(FILE* stream) {
    std::fputs("Mangrove boots machines without disks. As /init of an initramfs it mounts the node's root;\n"
               "elsewhere it has these commands:\n\n",
               stream);
    for (const Subcommand& subcommand : kSubcommands)
        print(stream, subcommand);
    return stream == stdout ? 0 : 2;
}

int run_subcommand(const std::vector<std::string>& arguments) {
    if (arguments.empty()) return print_usage(stderr);
    if (arguments[0] == "--help" || arguments[0] == "help") return print_usage(stdout);
    std::vector<std::string> names;
    bool wants_help = arguments.size() == 2 && arguments[1] == "--help";
    for (const Subcommand& subcommand : kSubcommands) {
        names.emplace_back(subcommand.name);
        if (arguments[0] != subcommand.name) continue;
        // It has options, and tells of them.
        if (!wants_help || subcommand.run == run_initramfs || subcommand.run == trust::run_check)
            return subcommand.run({arguments.begin() + 1, arguments.end()});
        print(stdout, subcommand);
        return 0;
    }
    std::fprintf(stderr, "mangrove: unknown subcommand '%s'%s\n", arguments[0].c_str(),
                 did_you_mean(arguments[0], names).c_str());
    return 2;
}

/// To the console, and to the kernel's log for the journal (with the lowest priority, so that the console
/// does not show it twice).
void log_to_console(LogLevel level, std::string_view line) {
    UniqueFd kernel_log(::open("/dev/kmsg", O_WRONLY | O_CLOEXEC));
    std::string shown = shown_line(level, line);
    static_cast<void>(!::write(STDERR_FILENO, shown.data(), shown.size()));
    shown.pop_back();
    for (const std::string& part : split(shown, '\n')) {
        std::string record = text("<7>", part, "\n");
        static_cast<void>(!::write(kernel_log.get(), record.data(), record.size()));
    }
}

Result<> mount_kernel_file_systems(System& system) {
    const MountRequest requests[] = {
        {"proc", "/proc", "proc", MS_NOSUID | MS_NOEXEC | MS_NODEV, ""},
        {"sysfs", "/sys", "sysfs", MS_NOSUID | MS_NOEXEC | MS_NODEV, ""},
        {"devtmpfs", "/dev", "devtmpfs", MS_NOSUID, "mode=0755"},
        {"tmpfs", "/run", "tmpfs", MS_NOSUID | MS_NODEV, "mode=0755"},
    };
    for (const MountRequest& request : requests) {
        TRY(system.make_directory(request.target));
        TRY(system.mount(request));
    }
    return {};
}

/// Goes on as the program in /run that will end the machine, of which the keeper is a fork then: /init and
/// the memory that it takes go with the initramfs. Returns when that does not work.
Result<> move_to_run(System& system, Time begin) {
    TRY(install_copy(system));
    std::string start = text(begin.time_since_epoch().count());
    return system.execute({kShutdownProgram, start});
}

Time parse_time(std::string_view written) {
    return Time(Clock::duration(parse_number(written).value_or(0)));
}

/// Prepares the machine as far as dracut has done it where we run inside it.
Result<> prepare_machine(System& system, Time begin) {
    TRY(mount_kernel_file_systems(system));
    if (Result<> moved = move_to_run(system, begin); !moved)
        log_warning("moving to /run: ", moved.error().what, ", ignoring");
    return {};
}

Result<> boot_machine(Boot& boot) {
    TRY(timed(boot, "loading the modules of the devices", [&] { return boot.device_modules.load(); }),
        "loading the modules of the devices");
    start_guard(boot);
    return run_boot(boot, switch_root);
}

[[noreturn]] void give_up(Boot& boot, const Error& error) {
    System& system = boot.system;
    log_line(LogLevel::error, describe(error));
    Result<OnFailure> action = on_failure(system);
    if (!action) log_line(LogLevel::error, describe(action.error()));
    OnFailure chosen = action.value_or(OnFailure::reboot);
    system.write_out();
    if (chosen != OnFailure::reboot) give_up_guard(boot);
    if (chosen == OnFailure::shell) {
        ::execl("/bin/sh", "sh", nullptr);
        log_line(LogLevel::error, text("cannot start a shell: /bin/sh: ", errno_text(errno)));
        chosen = OnFailure::halt;
    }
    if (chosen == OnFailure::reboot) {
        log_notice("rebooting in 30 s");
        system.sleep(seconds(30));
        ::reboot(RB_AUTOBOOT);
    }
    if (chosen == OnFailure::poweroff) {
        log_notice("powering off");
        ::reboot(RB_POWER_OFF);
    }
    log_notice("halted");
    ::reboot(static_cast<int>(RB_HALT_SYSTEM));
    for (;;)
        ::pause();
}

/// `start`: when it was started, where that was before it moved to /run.
[[noreturn]] void run_as_init(std::optional<Time> start) {
    ::umask(022);
    set_log_sink(log_to_console);
    LinuxSystem system;
    Boot boot(system);
    boot.timeline.start = start.value_or(system.now());
    Result<> result = start ? Result<>() : prepare_machine(system, boot.timeline.start);
    if (result) result = boot_machine(boot);
    give_up(boot, result ? Error{.what = "switching to the root did not happen"} : result.error());
}

/// As systemd-shutdown starts it: from /run, with the real root below /oldroot and a verb as its argument.
[[noreturn]] void run_as_shutdown(std::string_view verb) {
    // A server that is away must not hold the end of the machine up for longer.
    constexpr seconds kTimeToTearDown{20};
    set_log_sink(log_to_console);
    ::kill(-1, SIGKILL);
    Result<std::optional<int>> ended = run_until(Clock::now() + kTimeToTearDown, [] {
        LinuxSystem system;
        tear_down(system);
        return 0;
    });
    if (!ended) log_line(LogLevel::error, describe(ended.error()));
    if (ended && !*ended) log_warning("timed out disconnecting from the root's servers, ignoring");
    // A file system that lost its server would keep this waiting, too.
    if (ended && *ended) ::sync();
    ::reboot(verb == "poweroff" ? RB_POWER_OFF
             : verb == "halt"   ? static_cast<int>(RB_HALT_SYSTEM)
             : verb == "kexec"  ? static_cast<int>(RB_KEXEC)
                                : RB_AUTOBOOT);
    for (;;)
        ::pause();
}

} // namespace

} // namespace mangrove

int main(int argument_count, char** arguments) {
    mangrove::wipe_freed_json();
    std::string_view name = argument_count > 1 ? arguments[0] : "";
    if (::getpid() == 1 && name == "/shutdown") mangrove::run_as_shutdown(arguments[1]);
    if (::getpid() == 1 && name == mangrove::kShutdownProgram)
        mangrove::run_as_init(mangrove::parse_time(arguments[1]));
    if (::getpid() == 1) mangrove::run_as_init(std::nullopt);
    return mangrove::run_subcommand({arguments + 1, arguments + argument_count});
}
