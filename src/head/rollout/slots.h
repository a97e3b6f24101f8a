#pragma once

#include <map>
#include <string_view>
#include <vector>

#include "head/rollout/records.h"

namespace mangrove::head {

/// The nodes of a rollout in their order; nullptr for one that the rollout does not have yet, or not any
/// longer.
using Members = std::vector<const NodeState*>;
Members members_of(const Records& records, const Rollout& rollout);

/// Whether a waiting node cannot get a slot: it is held, off, or set aside for a while.
bool is_out_of_reach(const NodeState& node);

/// How many nodes were tried, and how many of their failures count in the budget.
struct Tried {
    size_t tried = 0;
    size_t failed = 0;
};
Tried count_tried(const Members& members);

/// The slots of a rollout, counted from the states of its nodes.
class Slots {
  public:
    Slots(const Rollout& rollout, const Members& members);

    bool has_room_for(const NodeState& node) const;
    void take(const NodeState& node);
    size_t taken() const { return taken_; }
    size_t most() const { return cap_; }

  private:
    const Policy& policy_;
    size_t cap_;
    size_t taken_ = 0;
    std::map<std::string_view, size_t> places_;
};

/// The ends of the waves, as numbers of members; the canaries are one of their own.
std::vector<size_t> ends_of_waves(const Rollout& rollout);
/// Returns how many members may begin: those up to the end of the current wave. A wave ends when all its
/// nodes are settled; nodes that are out of reach do not keep the next wave from beginning, but for canaries.
size_t end_of_wave(const Rollout& rollout, const Members& members);
/// Returns the number of the current wave, from 0 on.
uint32_t wave_of(const Rollout& rollout, const Members& members);

/// Whether a wave has ended, and the next one waits for an operator.
bool waits_for_approval(const Rollout& rollout, const Members& members);

/// Whether nodes of the rollout may begin now.
bool is_open(const Records& records, const Rollout& rollout, Moment now);

/// Whether a waiting node that fetches its script may begin: it restarts by itself, so nothing has to be
/// ended for it.
bool may_begin_by_itself(const Records& records, const Rollout& rollout, const NodeState& node, Moment now);

} // namespace mangrove::head
