#include "keeper/residents.h"

#include <map>

#include "base/log.h"

namespace mangrove {

static constexpr seconds kPause{1};

/// A root that nobody keeps is worse than one that is kept late.
static int start_with_retry(System& system, const Resident& resident) {
    for (bool is_first = true;; is_first = false) {
        Result<int> process = system.start_resident(resident);
        if (process) return *process;
        if (is_first) log_warning(process.error().what, "; retrying");
        system.sleep(kPause);
    }
}

static void watch_over(System& system, const std::vector<Resident>& residents) {
    std::map<int, const Resident*> running;
    for (const Resident& resident : residents)
        running[start_with_retry(system, resident)] = &resident;
    while (!running.empty()) {
        ResidentEnd end = system.wait_for_resident();
        auto found = running.find(end.process);
        if (found == running.end()) continue;
        const Resident* resident = found->second;
        running.erase(found);
        if (end.failure.empty()) continue;
        log_line(LogLevel::warning,
                 text("the keeper of ", resident->name, " died (", end.failure, "); restarting it"));
        system.sleep(kPause); // one that dies at once must not eat the processor
        running[start_with_retry(system, *resident)] = resident;
    }
}

Result<> start_residents(System& system, const std::vector<Resident>& residents) {
    std::vector<int> descriptors;
    for (const Resident& resident : residents)
        descriptors.insert(descriptors.end(), resident.descriptors.begin(), resident.descriptors.end());
    return system.start_in_shelter([&](System& own_system) { watch_over(own_system, residents); },
                                   descriptors);
}

} // namespace mangrove
