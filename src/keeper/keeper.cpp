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
    std::vector<Resident> residents = system.other_residents;
    if (!system.charges.empty()) {
        TRY(system.make_directory(kKeeperDirectory, 0755));
        TRY(write_shutdown_units(system));
    }
    size_t number = 0;
    for (const std::shared_ptr<Charge>& charge : system.charges) {
        if (Result<> patient = charge->be_patient(system); !patient)
            log_warning(patient.error().what, ", ignoring: reads and writes fail soon when ", charge->name(),
                        " is lost");
        std::string state_path = text(kKeeperDirectory, "/", number++, ".json");
        residents.push_back({charge->name(), [charge, state_path](System& own_system) {
                                 run_keeper(own_system, *charge, state_path);
                             }});
    }
    if (residents.empty()) return {};
    return system.start_residents(residents);
}

} // namespace mangrove
