#pragma once

#include <string>
#include <vector>

#include "head/command/node_commands.h"
#include "head/rollout/operate.h"

namespace mangrove::head {

/// A rollout and its policy, as they were typed.
struct RolloutOptions {
    std::string release;
    std::string nodes;
    std::string canary = {};
    std::string waves = {};
    std::string max = {};
    std::string spread = {};
    std::string budget = {};
    std::string soak = {};
    std::string deadline = {};
    uint32_t tries = Policy{}.tries;
    std::string window = {};
    std::string drain = {};
    std::string restart = Policy{}.restart;
    std::string on_failure = {};
    std::string health = {};
    std::vector<std::string> allowed_units = {};
    bool approve = false;
    bool supersede = false;
};

Outcome<> rollout_start(Call& call, const Writing& writing, const RolloutOptions& options);
Outcome<> rollout_list(Call& call);
Outcome<> rollout_show(Call& call, const std::string& id);
/// Prints what changes, until no node is under way any more.
Outcome<> rollout_watch(Call& call, const std::string& id);
Outcome<> rollout_order(Call& call, const Writing& writing, RolloutOrder order, const std::string& id);
Outcome<> rollout_order_nodes(Call& call, const Writing& writing, NodesOrder order, const std::string& nodes);

} // namespace mangrove::head
