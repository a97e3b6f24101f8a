#include "health/answer.h"

#include "base/log.h"
#include "machine/guard_arguments.h"
#include "root/hand_over_watchdog.h"
#include "root/probation.h"

namespace mangrove {

namespace {

constexpr std::string_view kCommitted = "committed";

Result<> give_up_watchdog(System& system, const RunProgram& run) {
    if (system.path_kind(kWatchdogDropIn) == PathKind::missing) return {};
    // A systemd that starts over reads it again.
    TRY(system.write_file(kWatchdogDropIn, ""));
    EndedProgram ended =
        run({"busctl", "set-property", "org.freedesktop.systemd1", "/org/freedesktop/systemd1",
             "org.freedesktop.systemd1.Manager", "RuntimeWatchdogUSec", "t", "0"});
    if (ended.status == 0) return {};
    return transient_error("giving up the hardware watchdog: busctl: exit status ", ended.status, ": ",
                           ended.output);
}

} // namespace

Result<> note_answer(System& system, std::string_view answer, const RunProgram& run) {
    GuardArguments guard = guard_arguments(system);
    if (!guard.probation) return {};
    if (trim(answer) != kCommitted) return note_heard(system);
    Result<std::string> state = system.read_file(kProbationState);
    if (state && trim(*state) == kPassed) return {};
    TRY(note_passed(system));
    log_notice("health: the release is committed");
    return guard.is_watched_on_probation ? give_up_watchdog(system, run) : Result<>();
}

} // namespace mangrove
