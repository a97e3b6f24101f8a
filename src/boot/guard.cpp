// Guards /init with the hardware watchdog (Documentation/watchdog/watchdog-api.rst).

#include "boot/guard.h"

#include <algorithm>
#include <utility>

#include "base/log.h"
#include "machine/guard_arguments.h"

namespace mangrove {

namespace {

constexpr seconds kPause{5};
/// Each step of a boot that waits has an earlier end of its own.
constexpr seconds kLongestStep{600};

/// Counts how often /init has gone to sleep by itself: it does so wherever it waits, but neither in a loop
/// that never ends nor in a call to the kernel that never returns.
std::string progress(System& system) {
    constexpr std::string_view kKey = "voluntary_ctxt_switches:";
    Result<std::string> status = system.read_file("/proc/1/status");
    if (!status) return {};
    for (const std::string& line : split(*status, '\n'))
        if (line.starts_with(kKey)) return line;
    return {};
}

/// Returns how often the watchdog has to be petted; nothing where there is none.
std::optional<milliseconds> open_watchdog(System& system, const GuardArguments& arguments) {
    if (!arguments.watchdog) return std::nullopt;
    Result<seconds> timeout = system.open_watchdog(*arguments.watchdog);
    if (!timeout) {
        log_notice("this machine has no hardware watchdog: ", timeout.error().what,
                   "; nothing restarts it when it hangs");
        return std::nullopt;
    }
    log_notice("the hardware watchdog restarts this machine when it hangs for ", timeout->count(), " s");
    return std::min<milliseconds>(kPause, *timeout / 4);
}

class Guard {
  public:
    explicit Guard(System& system) : system_(system), arguments_(guard_arguments(system)) {}

    /// Returns when the machine was told to restart.
    void run() {
        std::optional<milliseconds> pets = open_watchdog(system_, arguments_);
        while (pets || arguments_.probation) {
            if (arguments_.probation && system_.now() - Time() >= *arguments_.probation) return end();
            if (pets) pet();
            system_.sleep(pets.value_or(kPause));
        }
    }

  private:
    void pet() {
        std::string now = progress(system_);
        if (std::exchange(progress_, now) != now) progressed_at_ = system_.now();
        if (system_.now() - progressed_at_ < kLongestStep) {
            system_.pet_watchdog();
        } else if (!std::exchange(has_told_, true)) {
            log_line(LogLevel::error, text("/init hangs: no progress for ", kLongestStep.count(),
                                           " s; the hardware watchdog will restart this machine"));
        }
    }

    void end() {
        log_line(LogLevel::error,
                 text("the boot has not come to its end after ", arguments_.probation->count(),
                      " s (mangrove.probation=); restarting this machine"));
        system_.end_machine(MachineEnd::reboot);
    }

    System& system_;
    GuardArguments arguments_;
    std::string progress_;
    Time progressed_at_;
    bool has_told_ = false;
};

} // namespace

void guard_boot(System& system) {
    Guard(system).run();
}

void start_guard(Boot& boot) {
    GuardArguments arguments = guard_arguments(boot.system);
    if (!arguments.watchdog && !arguments.probation) return;
    Result<int> process = boot.system.start_resident({"the boot", guard_boot});
    if (process)
        boot.guard = *process;
    else
        log_warning("guarding the boot: ", process.error().what, ", ignoring: nothing ends it when it hangs");
}

void end_guard(Boot& boot) {
    if (boot.guard) boot.system.end_resident(*std::exchange(boot.guard, std::nullopt));
}

void give_up_guard(Boot& boot) {
    if (!boot.guard) return;
    end_guard(boot);
    boot.system.stop_watchdog();
}

} // namespace mangrove
