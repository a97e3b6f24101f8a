#pragma once

#include <string>
#include <vector>

#include "head/rollout/records.h"
#include "head/rollout/release.h"

namespace mangrove::head {

struct RolloutRequest {
    std::string release;
    std::vector<Member> nodes = {};         ///< in the order in which they begin
    std::vector<std::string> canaries = {}; ///< some of `nodes`
    Policy policy = {};
    std::string who = {};
    bool supersedes = false; ///< aborts running rollouts of these nodes
};

/// Begins a rollout, whose number is the next one. An error where another rollout has one of its nodes, as
/// long as that one was not superseded. The transaction that writes the step belongs with keep_release().
Result<RolloutStep> start_rollout(const Records& records, RolloutRequest request, Moment now);

enum class RolloutOrder {
    pause,   ///< no more nodes begin; those that are under way go on
    resume,  ///< failures until now are forgiven
    approve, ///< the next wave may begin
    abort,   ///< as pause, and for ever; waiting nodes stay as they are
    revert,  ///< brings all nodes back that the rollout moved
};

/// Returns the records that an order changes. An error where it makes no sense for the rollout's status.
Result<RolloutStep> operate(const Records& records, const std::string& rollout, RolloutOrder order,
                            Moment now);

enum class NodesOrder {
    hold, ///< get no slot
    unhold,
    retry, ///< reverted and lost nodes wait for a slot again, and the release is allowed again
};

Result<RolloutStep> operate(const Records& records, const std::vector<std::string>& nodes, NodesOrder order,
                            Moment now);

/// Returns the writes that remove what is known of a node, also from rollouts that have not ended. They
/// belong into the transaction that deletes the node.
std::vector<Write> forget_node(const Records& records, const std::string& node);

} // namespace mangrove::head
