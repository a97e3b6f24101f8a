#include "keeper/keeper.h"

#include "base/log.h"
#include "keeper/keep.h"
#include "keeper/reads.h"
#include "keeper/residents.h"
#include "keeper/shutdown.h"

namespace mangrove {

Result<> start_keeper(System& system, const std::vector<Storage>& storage) {
    std::vector<Resident> residents = system.other_residents;
    if (!storage.empty()) {
        TRY(system.make_directory(kKeeperDirectory, 0755));
        TRY(write_shutdown_units(system));
        residents.push_back({"the shutdown", [storage, charges = system.charges](System& own_system) {
                                 end_without_root(own_system, storage, charges);
                             }});
    }
    size_t number = 0;
    for (const std::shared_ptr<Charge>& charge : system.charges) {
        if (Result<> patient = charge->be_patient(system); !patient)
            log_warning(patient.error().what, ", ignoring: reads and writes fail soon when ", charge->name(),
                        " is lost");
        std::string state_path = text(kKeeperDirectory, "/", number++, ".json");
        residents.push_back({charge->name(), [charge, state_path](System& own_system) {
                                 keep(own_system, *charge, state_path);
                             }});
    }
    number = 0;
    for (const Storage& one : storage) {
        std::string state_path = text(kKeeperDirectory, "/storage", number++, ".json");
        residents.push_back({"the reads of " + one.name, [one, state_path](System& own_system) {
                                 watch_reads(own_system, one, state_path);
                             }});
    }
    if (residents.empty()) return {};
    return start_residents(system, residents);
}

} // namespace mangrove
