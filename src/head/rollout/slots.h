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

/// The slots of a rollout, counted from the states of its nodes.
class Slots {
  public:
    Slots(const Rollout& rollout, const Members& members);

    bool has_room_for(const NodeState& node) const;
    void take(const NodeState& node);

  private:
    const Policy& policy_;
    size_t cap_;
    size_t taken_ = 0;
    std::map<std::string_view, size_t> places_;
};

/// Returns how many members may begin: those up to the end of the current wave. A wave ends when all its
/// nodes are settled; nodes that are held or off do not keep the next wave from beginning, but for canaries.
size_t end_of_wave(const Rollout& rollout, const Members& members);
/// Returns the number of the current wave, from 0 on; the canaries are one of their own.
uint32_t wave_of(const Rollout& rollout, const Members& members);

/// Whether a wave has ended, and the next one waits for an operator.
bool waits_for_approval(const Rollout& rollout, const Members& members);

/// Whether nodes of the rollout may begin now.
bool is_open(const Records& records, const Rollout& rollout, Moment now);

/// Whether a waiting node that fetches its script may begin: it restarts by itself, so nothing has to be
/// ended for it.
bool may_begin_by_itself(const Records& records, const Rollout& rollout, const NodeState& node, Moment now);

} // namespace mangrove::head
