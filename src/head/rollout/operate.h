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

/// The error suggests a number.
Result<const Rollout*> find_rollout(const Records& records, const std::string& id);

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

/// Notes that an operator has switched nodes off: nobody waits for them, or switches them on, until they
/// boot.
RolloutStep note_off(const Records& records, const std::vector<std::string>& nodes, Moment now);
/// Writes the same, at a moment of the wall clock.
Result<> record_off(Database& database, const std::vector<std::string>& nodes, int64_t wall);

/// Returns the writes that keep the releases to which nodes begin to move by a step: keep_release(). An error
/// where one is gone.
Result<std::vector<Write>> keep_releases(Database& database, const Records& records, const RolloutStep& step);

} // namespace mangrove::head
