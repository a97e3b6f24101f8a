#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "head/nodes/database.h"

namespace mangrove::head {

/// The states of a node, for the release that it moves to:
///
///   committed → waiting → draining → restarting → booting → up → soaking → committed
///   booting, up, soaking → restarting, or reverting → reverted | lost
///
/// transitions.cpp has the table.
enum class State {
    committed,  ///< boots the committed release
    waiting,    ///< for a slot
    draining,   ///< its work ends; nothing of the target has been served
    restarting, ///< into the target
    booting,    ///< was served the target
    up,         ///< has reported the target, and is not healthy yet
    soaking,    ///< is healthy, and has to stay so
    reverting,  ///< back to the committed release
    reverted,   ///< booted the committed release; the target is rejected
    lost,       ///< did not come back in time; its slot is free
};

std::string_view name_of(State state);
/// Of all states.
std::span<const std::string_view> names_of_states();
/// Whether a rollout has nothing more to do with the node.
bool is_settled(State state);
/// Whether the node takes a slot of its rollout.
bool holds_slot(State state);

/// The last script that a node was served, and whether a boot came of it.
struct Boot {
    std::string release = {};
    int64_t at = 0;        ///< head time; 0: there was none
    uint32_t failures = 0; ///< earlier boots of the same release, in a row, without a report
    bool is_reported = false;

    bool operator==(const Boot&) const = default;
};

/// The head node's knowledge of a node: the record `state/NODE`. Times are head time (Moment::up), but for
/// `since`, which is the wall clock's.
struct NodeState {
    std::string node = {};
    State state = State::committed;
    std::string committed = {}; ///< release; empty: the node has no release yet
    std::string previous = {};  ///< committed before the rollout
    std::string target = {};    ///< release of the rollout; stays after it
    std::string rollout = {};   ///< the last one
    uint32_t tries = 0;         ///< scripts of the target that were served
    int64_t since = 0;          ///< of the state
    int64_t deadline = 0;       ///< 0: none; of a waiting node: it gets no slot before
    int64_t soak_until = 0;
    std::string place = {};   ///< the node's value of the spread key, when the rollout began
    bool has_bmc = false;     ///< when the rollout began
    bool is_acted = false;    ///< the restart of this state was done
    bool is_by_power = false; ///< the restart is one by the BMC
    bool is_held = false;     ///< gets no slot until an operator says so
    bool is_off = false;
    bool is_forgiven = false;               ///< its failure does not count in the budget (any more)
    std::vector<std::string> rejected = {}; ///< releases that failed on this node
    std::vector<std::string> boots = {};    ///< ids of the boots that reported last, the newest at the end
    std::string running = {};               ///< release of the last report
    std::string reason = {};                ///< of the last failure
    std::string note = {};                  ///< why an action of this state is not done yet
    std::string drained_by = {};            ///< policy.drain of the drain that has to be ended; empty: none
    Boot boot = {};
    uint64_t read_at = 0; ///< revision of the database; 0: not kept yet

    std::string key() const { return "state/" + node; }
    bool rejects(std::string_view release) const;
    bool operator==(const NodeState&) const = default;
};

/// Whether its failure counts in the budget of its rollout.
bool has_failed(const NodeState& node);

/// Returns what keeps the node where it is and why it failed last, for people: "held; off; …".
std::string explanation_of(const NodeState& node);

std::string to_json(const NodeState& node);
Result<NodeState> node_state_from(const Entry& entry);
Result<std::vector<NodeState>> list_node_states(Database& database);

} // namespace mangrove::head
