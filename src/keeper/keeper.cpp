#include "keeper/keeper.h"

#include "base/log.h"
#include "keeper/keep.h"
#include "keeper/reads.h"
#include "keeper/residents.h"
#include "keeper/shutdown.h"
#include "machine/run_files.h"

namespace mangrove {

Result<> start_keeper(System& system, const std::vector<std::shared_ptr<WatchedConnection>>& connections,
                      const std::vector<Resident>& others, const std::vector<Storage>& storage) {
    std::vector<Resident> residents = others;
    if (!storage.empty()) {
        TRY(system.make_directory(kKeeperDirectory, 0755));
        TRY(write_shutdown_units(system));
        residents.push_back({"the shutdown", [storage, connections](System& own_system) {
                                 end_without_root(own_system, storage, connections);
                             }});
    }
    size_t number = 0;
    for (const std::shared_ptr<WatchedConnection>& connection : connections) {
        if (Result<> patient = connection->be_patient(system); !patient)
            log_warning(patient.error().what, ", ignoring: reads and writes will fail early when ",
                        connection->name(), " is lost");
        std::string state_path = text(kKeeperDirectory, "/", number++, ".json");
        residents.push_back({connection->name(), [connection, state_path](System& own_system) {
                                 keep(own_system, *connection, state_path);
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
