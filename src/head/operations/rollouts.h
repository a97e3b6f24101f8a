#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "head/host/directories.h"
#include "head/nodes/changes.h"
#include "head/nodes/inventory.h"
#include "head/operations/policy_options.h"
#include "head/rollout/operate.h"

namespace mangrove::head {

/// A rollout that can begin, and what it changes, for people.
struct RolloutPlan {
    RolloutStep step;
    Release release;
    std::vector<std::string> lines;

    const Rollout& rollout() const { return step.rollouts.back(); }
};

Result<RolloutPlan> plan_rollout(Database& database, const Directories& directories,
                                 const RolloutOptions& options, const std::string& who);
/// An error where its records were changed since, or its release removed.
Result<> begin_rollout(Database& database, const RolloutPlan& plan, const Author& author);

/// Decides from the records what an order changes.
using DecideOrder = std::function<Result<RolloutStep>(Database& database, const Records& records)>;
DecideOrder order_of(RolloutOrder order, const std::string& rollout);
/// `nodes`: a node set.
DecideOrder order_of(NodesOrder order, const std::string& nodes);

/// Whether the changes, a line each, are to be written.
using ConfirmOrder = std::function<Result<bool>(const std::vector<std::string>& lines)>;
/// Writes what an order changes and an event of it, unless it is not confirmed. Returns a line for each
/// change. The head node writes the same records: where it did meanwhile, the order is decided again.
Result<std::vector<std::string>> carry_out(Database& database, const Author& author,
                                           const DecideOrder& decide, const ConfirmOrder& confirm);

/// Returns the value of a node at a path of its fields or its values ("rack"); empty where it has none.
std::string place_of(const Inventory& inventory, const std::string& node, const std::string& key);

/// The moment of the records, as of now.
Moment now_of(const Records& records);
/// Returns the seconds until the deadline of a node or the end of its soak; 0: it has none.
int64_t seconds_left(const Records& records, const NodeState& node, Moment now);

/// A node of a rollout, at the moment of the records.
struct ShownMember {
    std::string node;
    std::string state; ///< "new" before the head node has taken it up
    std::string why = {};
    int64_t since = 0;       ///< wall clock
    int64_t left = 0;        ///< seconds until its deadline or the end of its soak; 0: there is none
    int64_t until = 0;       ///< when that is, by the wall clock
    bool holds_slot = false; ///< of the rollout
    uint32_t tries = 0;
};

/// In the order of the rollout.
std::vector<ShownMember> shown_members(const Records& records, const Rollout& rollout);
std::map<std::string, std::vector<std::string>> nodes_by_state(const Records& records,
                                                               const Rollout& rollout);
/// "running", or "paused: 3 of 7 nodes failed"
std::string shown_status(const Rollout& rollout);

/// Returns what commands and the API show of a rollout in a list.
Json summary_of(const Records& records, const Rollout& rollout);
/// The same with its policy, its waves and its slots.
Json overview_of(const Records& records, const Rollout& rollout);
/// The same with its nodes one by one.
Json description_of(const Records& records, const Rollout& rollout);
/// Returns what the API shows of a node's record.
Json description_of(const NodeState& node);

/// "2026-11-29T21:35:00Z"; empty for 0.
std::string utc_time(int64_t moment);

} // namespace mangrove::head
