#include "head/rollout/node_changes.h"

#include <algorithm>

#include "head/rollout/records.h"
#include "head/rollout/release.h"

namespace mangrove::head {

namespace {

/// The new names of nodes, by the old ones; empty where a node is removed.
using Names = std::map<std::string, std::string, std::less<>>;

Names new_names(const ChangePlan& plan) {
    Names names;
    std::map<std::string, std::string> owners; // by the MAC address, of removed nodes
    for (const auto& [key, object] : plan.edits) {
        const std::string node = key.substr(key.find('/') + 1);
        const Object* before = plan.before.find("node", node);
        if (object || !before || !key.starts_with("node/")) continue;
        names[node];
        for (const std::string& mac : macs_of(*before))
            owners[mac] = node;
    }
    for (const auto& [key, object] : plan.edits) {
        if (!object || object->noun != "node" || plan.before.find("node", object->name)) continue;
        for (const std::string& mac : macs_of(*object))
            if (auto owner = owners.find(mac); owner != owners.end()) names[owner->second] = object->name;
    }
    return names;
}

/// Where the state of a node is kept that an event removed.
std::string removed_below(uint64_t event) {
    return text("removed/", event, "/");
}

NodeState without_rollout(const NodeState& node) {
    return {.node = node.node,
            .committed = node.committed,
            .rejected = node.rejected,
            .boots = node.boots,
            .running = node.running,
            .boot = node.boot};
}

Result<> check_renaming(const NodeState& node) {
    if (is_settled(node.state) || node.state == State::waiting) return {};
    return permanent_error("node ", node.node, ": ", name_of(node.state), " in the rollout ", node.rollout,
                           ", to which it tells under this name how it goes; rename it later");
}

Write write_of(const Records& records, const NodeState& node) {
    const NodeState* known = records.find(node.node);
    return {node.key(), to_json(node), known ? known->read_at : 0};
}

Result<> follow(const Records& records, const ChangePlan& plan, const Names& names,
                std::vector<Write>& writes) {
    for (const auto& [old, name] : names) {
        const NodeState* node = records.find(old);
        if (!node) continue;
        writes.push_back({node->key(), std::nullopt, node->read_at});
        if (name.empty()) {
            writes.push_back({removed_below(plan.last_event + 1) + old, to_json(without_rollout(*node))});
            continue;
        }
        TRY(check_renaming(*node));
        NodeState renamed = *node;
        renamed.node = name;
        writes.push_back(write_of(records, renamed));
    }
    return {};
}

/// One that has ended keeps the names of nodes that are gone.
Rollout with_names(const Rollout& before, const Names& names) {
    Rollout rollout = before;
    rollout.nodes.clear();
    for (size_t i = 0; i < before.nodes.size(); ++i) {
        Member member = before.nodes[i];
        auto known = names.find(member.node);
        bool is_gone = known != names.end() && known->second.empty() && !has_ended(before);
        if (is_gone && i < before.canaries) --rollout.canaries;
        if (is_gone) continue;
        if (known != names.end() && !known->second.empty()) member.node = known->second;
        rollout.nodes.push_back(std::move(member));
    }
    return rollout;
}

/// A release that was removed meanwhile cannot be booted.
Result<> bring_back(Database& database, const Records& records, const ChangePlan& plan,
                    std::vector<Write>& writes) {
    std::string below = removed_below(plan.undoes);
    for (const Entry& entry : TRY(database.list(below))) {
        std::string name = entry.key.substr(below.size());
        auto edit = plan.edits.find("node/" + name);
        if (edit == plan.edits.end() || !edit->second || records.find(name)) continue;
        NodeState node = TRY(node_state_from({"state/" + name, entry.value, 0}));
        if (TRY(database.get(Release{.id = node.committed}.key()))) writes.push_back(write_of(records, node));
        writes.push_back({entry.key, std::nullopt, entry.revision});
    }
    return {};
}

} // namespace

Result<std::vector<Write>> follow_nodes(Database& database, const ChangePlan& plan) {
    std::vector<Write> writes;
    Names names = new_names(plan);
    if (names.empty() && plan.undoes == 0) return writes;
    Records records = TRY(load_records(database), "reading the records of rollouts");
    TRY(follow(records, plan, names, writes));
    for (const auto& [id, rollout] : records.rollouts)
        if (Rollout after = with_names(rollout, names); after != rollout)
            writes.push_back({after.key(), to_json(after), after.read_at});
    if (plan.undoes != 0) TRY(bring_back(database, records, plan, writes));
    return writes;
}

} // namespace mangrove::head
