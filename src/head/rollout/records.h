#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "head/nodes/database.h"
#include "head/rollout/head_clock.h"
#include "head/rollout/node_state.h"
#include "head/rollout/rollout.h"
#include "head/rollout/transitions.h"
#include "head/rollout/window.h"

namespace mangrove::head {

/// All that the controller of rollouts knows. It keeps nothing else in memory.
struct Records {
    Moment clock = {}; ///< of the last tick
    std::map<std::string, NodeState, std::less<>> nodes = {};
    std::map<std::string, Rollout, std::less<>> rollouts = {};
    std::map<std::string, Window, std::less<>> windows = {}; ///< by their texts, those of running rollouts
    /// By the rollout, the revision of the record `slots/ROLLOUT`, which each transaction writes that gives
    /// slots: two head nodes that give one at the same moment would exceed the cap.
    std::map<std::string, uint64_t, std::less<>> slots = {};

    const Rollout* rollout_of(const NodeState& node) const;
    const NodeState* find(std::string_view node) const;
};

/// A restart, or another thing to do for a node. It is asked for again until the event comes that ends it,
/// also after a crash; the same `id` is the same action.
struct Action {
    enum class Kind {
        drain,       ///< ends with NodeEvent::drained or refused
        restart,     ///< ends with NodeEvent::restarted or restart_failed
        power_cycle, ///< the same, by the BMC
        resume,      ///< gives the node back to the scheduler; ends with NodeEvent::resumed
    };
    Kind kind;
    std::string node;
    std::string rollout;
    std::string how;  ///< policy.drain or policy.restart
    std::string boot; ///< id of the boot that the restart ends; do nothing where another one runs
    std::string id;
    bool is_in_slurm = false; ///< Slurm must have drained the node before anything is done to it
    std::string release = {}; ///< to restart into
    uint32_t tries = 0;       ///< that the node had when it was asked for

    bool operator==(const Action&) const = default;
};

std::string_view name_of(Action::Kind kind);
/// Returns the id of the action of this kind that the node is in need of in its state.
std::string id_of(const NodeState& node, Action::Kind kind);

/// Records to write in one transaction, and the actions to take once they are written.
struct RolloutStep {
    std::vector<NodeState> nodes = {};
    std::vector<Rollout> rollouts = {};
    std::vector<Action> actions = {};
};

/// Reads all records.
Result<Records> load_records(Database& database);
/// Makes records of what was read. The clock never goes back behind a moment that a record names.
Result<Records> records_from(const Moment& clock, std::vector<NodeState> nodes,
                             std::vector<Rollout> rollouts);

/// Returns the writes of a step, which fail where a record was changed meanwhile.
std::vector<Write> writes_of(const RolloutStep& step);
Write write_of(const Moment& clock);

/// Puts what was written with a transaction into the records. `revision`: of the transaction.
void apply(Records& records, const RolloutStep& step, uint64_t revision);

/// Writes a step and the clock, and puts them into the records. After an error the records are as before;
/// where one was changed meanwhile, or another head node gave slots (ESTALE), take the changes in and decide
/// again.
Result<> commit(Database& database, Records& records, const RolloutStep& step);

/// Puts a change of the database into the records; false where it is none of theirs, or known already.
Result<bool> take_in(Records& records, const Change& change);

/// Returns the node after an event, with its rollout and the slots taken into account.
NodeState on_event(const Records& records, const std::string& node, const NodeEvent& event, Moment now);

} // namespace mangrove::head
