#include "keeper/keeper.h"

#include "base/log.h"
#include "keeper/keep.h"

namespace mangrove {

static void run_keeper(System& system, Charge& charge, const std::string& state_path) {
    std::optional<MachineEnd> end = keep(system, charge, state_path);
    if (!end) return;
    if (Result<> given_up = charge.give_up(system); !given_up)
        log_warning(given_up.error().what, ", ignoring");
    system.end_machine(*end);
}

Result<> start_keeper(System& system) {
    if (system.charges.empty()) return {};
    TRY(system.make_directory(kKeeperDirectory, 0755));
    TRY(write_shutdown_units(system));
    std::vector<Resident> residents;
    for (const std::shared_ptr<Charge>& charge : system.charges) {
        std::string state_path = text(kKeeperDirectory, "/", residents.size(), ".json");
        residents.push_back({charge->name(), [charge, state_path](System& own_system) {
                                 run_keeper(own_system, *charge, state_path);
                             }});
    }
    return system.start_residents(residents);
}

} // namespace mangrove
