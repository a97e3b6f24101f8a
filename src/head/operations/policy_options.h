#pragma once

#include <string>
#include <vector>

#include "base/json.h"
#include "head/rollout/rollout.h"

namespace mangrove::head {

/// A rollout and its policy, in the words of the options of `mangrovectl rollout start`.
struct RolloutOptions {
    std::string release = {};
    std::string nodes = {};
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
    std::string drain_deadline = {};
    std::string restart = Policy{}.restart;
    std::string on_failure = {};
    std::string health = {};
    std::vector<std::string> allowed_units = {};
    bool approve = false;
    bool stateful = false;
    bool supersede = false;
};

/// Returns the strings of a list; an error where it is no list, or has something else.
Result<std::vector<std::string>> texts_in(const cJSON* list);

/// Reads the options from an object with their names as keys. The error suggests a key.
Result<RolloutOptions> rollout_options_from(const cJSON* json);

Result<Policy> policy_from(const RolloutOptions& options);
/// Returns the policy on one line, for people.
std::string shown_policy(const Policy& policy);

} // namespace mangrove::head
