#include "head/rollout/slots.h"

#include <algorithm>

namespace mangrove::head {

namespace {

bool is_settled_member(const NodeState* node) {
    return node && is_settled(node->state);
}

bool is_over(const Rollout& rollout, const Members& members, size_t end) {
    for (size_t i = 0; i < end; ++i) {
        bool is_canary = i < rollout.canaries;
        if (!is_settled_member(members[i]) && (is_canary || !members[i] || !is_out_of_reach(*members[i])))
            return false;
    }
    return true;
}

} // namespace

bool is_out_of_reach(const NodeState& node) {
    bool is_set_aside = node.deadline > 0;
    return node.state == State::waiting && (node.is_held || node.is_off || is_set_aside);
}

Members members_of(const Records& records, const Rollout& rollout) {
    Members members;
    members.reserve(rollout.nodes.size());
    for (const Member& member : rollout.nodes) {
        const NodeState* node = records.find(member.node);
        members.push_back(node && node->rollout == rollout.id ? node : nullptr);
    }
    return members;
}

Tried count_tried(const Members& members) {
    Tried count;
    for (const NodeState* node : members) {
        bool is_failed = node && has_failed(*node);
        count.failed += is_failed ? 1 : 0;
        count.tried += is_failed || (node && node->tries > 0) ? 1 : 0;
    }
    return count;
}

std::vector<size_t> ends_of_waves(const Rollout& rollout) {
    std::vector<size_t> ends;
    if (rollout.canaries > 0) ends.push_back(rollout.canaries);
    for (size_t percent : rollout.policy.waves) {
        size_t end = (rollout.nodes.size() * percent + 99) / 100;
        if (ends.empty() || end > ends.back()) ends.push_back(end);
    }
    return ends;
}

Slots::Slots(const Rollout& rollout, const Members& members)
    : policy_(rollout.policy), cap_(rollout.policy.max.of(rollout.nodes.size())) {
    for (const NodeState* node : members)
        if (node && holds_slot(node->state)) take(*node);
}

bool Slots::has_room_for(const NodeState& node) const {
    if (taken_ >= cap_) return false;
    if (policy_.spread == 0) return true;
    auto place = places_.find(node.place);
    return place == places_.end() || place->second < policy_.spread;
}

void Slots::take(const NodeState& node) {
    ++taken_;
    ++places_[node.place];
}

uint32_t wave_of(const Rollout& rollout, const Members& members) {
    std::vector<size_t> ends = ends_of_waves(rollout);
    uint32_t wave = 0;
    while (wave + 1 < ends.size() && is_over(rollout, members, ends[wave])
           && (!rollout.policy.needs_approval || rollout.approved > wave))
        ++wave;
    return wave;
}

bool waits_for_approval(const Rollout& rollout, const Members& members) {
    if (has_ended(rollout) || rollout.is_reverting || !rollout.policy.needs_approval) return false;
    std::vector<size_t> ends = ends_of_waves(rollout);
    uint32_t wave = wave_of(rollout, members);
    return wave + 1 < ends.size() && is_over(rollout, members, ends[wave]);
}

size_t end_of_wave(const Rollout& rollout, const Members& members) {
    if (rollout.is_reverting) return members.size();
    return ends_of_waves(rollout)[wave_of(rollout, members)];
}

bool is_open(const Records& records, const Rollout& rollout, Moment now) {
    if (rollout.status != Status::running) return false;
    if (rollout.policy.window.empty()) return true;
    auto window = records.windows.find(rollout.policy.window);
    return window != records.windows.end() && window->second.is_open(now.wall);
}

bool may_begin_by_itself(const Records& records, const Rollout& rollout, const NodeState& node, Moment now) {
    bool restarts_by_itself = rollout.policy.restart == "none" || node.is_off;
    if (!restarts_by_itself || node.is_held || !rollout.policy.drain.empty()) return false;
    if (!is_open(records, rollout, now)) return false;
    Members members = members_of(records, rollout);
    auto end = members.begin() + static_cast<std::ptrdiff_t>(end_of_wave(rollout, members));
    auto is_node = [&](const NodeState* member) { return member && member->node == node.node; };
    return std::find_if(members.begin(), end, is_node) != end && Slots(rollout, members).has_room_for(node);
}

} // namespace mangrove::head
