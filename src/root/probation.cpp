#include "root/probation.h"

#include "base/log.h"

namespace mangrove {

namespace {

constexpr seconds kPause{5};

void watch(System& system, seconds limit) {
    for (Time heard;; system.sleep(kPause)) {
        std::string state(trim(system.read_file(kProbationState).value_or("")));
        if (state == kPassed) return;
        if (std::optional<uint64_t> at = parse_number(state)) heard = Time(seconds(*at));
        if (system.now() - heard < limit) continue;
        log_line(LogLevel::error,
                 text("the head node has not heard the health of this machine for ", limit.count(),
                      " s of the release's probation (mangrove.probation=); restarting this machine"));
        system.write_out();
        return system.end_machine(MachineEnd::reboot);
    }
}

Result<> note(System& system, std::string_view state) {
    return system.write_file(kProbationState, text(state, "\n"), 0600);
}

} // namespace

Result<> note_heard(System& system) {
    return note(system, text(std::chrono::floor<seconds>(system.now().time_since_epoch()).count()));
}

Result<> note_passed(System& system) {
    return note(system, kPassed);
}

Resident probation(seconds limit) {
    return {"the probation", [limit](System& system) { watch(system, limit); }};
}

} // namespace mangrove
