#include "keeper/keeper.h"

#include <algorithm>
#include <utility>

#include "base/log.h"
#include "keeper/keep.h"
#include "keeper/reads.h"
#include "keeper/residents.h"
#include "keeper/shutdown.h"
#include "keeper/state_file.h"
#include "machine/processes.h"
#include "machine/run_files.h"
#include "machine/set_aside.h"

namespace mangrove {

static void look_after(System& system, WatchedConnection& connection, const std::string& state_path) {
    if (!connection.looks_after_itself()) return keep(system, connection, state_path);
    bool has_told = false;
    connection.look_after(system, [&](const ServedState& state) {
        // A file that was taken away is of a root that was handed back.
        if (std::exchange(has_told, true) && system.path_kind(state_path) == PathKind::missing) return;
        write_state_file(system, state_path, state_of_served(connection.name(), state, system.now()));
    });
}

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
        std::string state_path = TRY(new_state_file(system, kConnectionPrefix, number++));
        residents.push_back({connection->name(),
                             [connection, state_path](System& own_system) {
                                 look_after(own_system, *connection, state_path);
                             },
                             connection->looks_after_itself(), connection->descriptors(),
                             connection->looks_after_itself()});
    }
    number = 0;
    for (const Storage& one : storage) {
        std::string state_path = TRY(new_state_file(system, kReadsPrefix, number++));
        residents.push_back({"the reads of " + one.name, [one, state_path](System& own_system) {
                                 watch_reads(own_system, one, state_path);
                             }});
    }
    if (residents.empty()) return {};
    return start_residents(system, residents);
}

Result<KeeperOfRoot> look_at_keeper(System& system) {
    KeeperOfRoot keeper = {.processes = processes_of_root(system, kKeeperName), .states = {}};
    for (std::string_view prefix : {kConnectionPrefix, kReadsPrefix})
        for (std::string& path : TRY(state_files(system, prefix)))
            keeper.states.push_back(std::move(path));
    return keeper;
}

void retire_keeper(System& system, const KeeperOfRoot& keeper) {
    constexpr milliseconds kTimeToEnd{200};
    std::vector<int> running = processes_of_root(system, kKeeperName);
    for (int process : keeper.processes) {
        // Another one may have the number by now.
        if (std::ranges::find(running, process) == running.end()) continue;
        if (Result<> retired = system.retire_resident(process); !retired)
            log_warning(retired.error().what, ", ignoring");
    }
    system.sleep(kTimeToEnd);
    for (const std::string& path : keeper.states)
        if (Result<bool> moved = set_aside(system, path); !moved)
            log_warning(moved.error().what, ", ignoring: mangrove status shows a connection that is gone");
}

} // namespace mangrove
