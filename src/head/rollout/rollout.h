#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "head/nodes/database.h"

namespace mangrove::head {

/// "25", or "10%"
struct Amount {
    uint32_t number = 100;
    bool is_percent = true;

    static Result<Amount> parse(std::string_view written);
    std::string text() const;
    /// Returns the amount of a total, at least 1.
    size_t of(size_t total) const;
    bool operator==(const Amount&) const = default;
};

enum class OnFailure { pause, revert };

/// The drain and the restart that slurm.h does.
inline constexpr std::string_view kSlurm = "slurm";

struct Policy {
    std::vector<uint32_t> waves = {100}; ///< percent of all nodes; they rise to 100
    Amount max = {};                     ///< nodes that are under way at once
    std::string spread_key = {};         ///< empty: nodes may be anywhere
    uint32_t spread = 0;                 ///< the most that are under way with one value of the key
    uint32_t budget_percent = 2;         ///< of the nodes that were tried may fail
    uint32_t budget_min = 3;             ///< fewer failures never stop the rollout
    uint32_t tries = 2;
    int64_t deadline = 900;       ///< seconds, for a restart, a boot, and to become healthy
    int64_t soak = 900;           ///< seconds
    std::string window = {};      ///< window.h; empty: always
    int64_t drain_deadline = 0;   ///< seconds for the work of a node to end; 0: none
    std::string drain = {};       ///< "slurm", "command:/path"; empty: none
    std::string restart = "none"; ///< "none": nodes restart by themselves
    OnFailure on_failure = OnFailure::pause;
    std::vector<std::string> allowed_units = {}; ///< units that may fail on a healthy node
    bool needs_health = true;                    ///< false: a report is enough
    bool needs_approval = false;                 ///< before each wave but the first

    bool operator==(const Policy&) const = default;
};

/// Checks the numbers; the window is checked by whoever loads it.
Result<> check_policy(const Policy& policy);

enum class Status {
    running,
    paused,
    failing, ///< over its budget: waits for a failed node to show that the committed release still boots
    done,
    aborted,
};

/// A node of a rollout, as it was when the rollout began.
struct Member {
    std::string node;
    std::string place = {}; ///< its value of the spread key
    bool has_bmc = false;

    bool operator==(const Member&) const = default;
};

/// The record `rollout/ID`: moves a frozen list of nodes to a release.
struct Rollout {
    std::string id = {};
    std::string release = {};
    std::vector<Member> nodes = {}; ///< in the order in which they begin, the canaries first
    uint32_t canaries = 0;          ///< so many of `nodes`
    Policy policy = {};
    Status status = Status::running;
    bool is_reverting = false; ///< brings its nodes back to what they had before
    bool is_broken = false;    ///< paused by the breaker: no deadline ends, no node reverts
    uint32_t approved = 0;     ///< waves after the first that may begin
    int64_t resumed_at = 0;    ///< head time; boots before it do not trip the breaker
    int64_t started = 0;       ///< wall clock
    std::string who = {};
    std::string reason = {}; ///< of the status
    uint64_t read_at = 0;    ///< revision of the database; 0: not kept yet

    std::string key() const { return "rollout/" + id; }
    bool operator==(const Rollout&) const = default;
};

/// "running", …, "reverting", "reverted"
std::string_view status_name(const Rollout& rollout);
/// Whether no node begins any more.
bool has_ended(const Rollout& rollout);

std::string to_json(const Rollout& rollout);
Result<Rollout> rollout_from(const Entry& entry);
/// Returns all, by number.
Result<std::vector<Rollout>> list_rollouts(Database& database);

} // namespace mangrove::head
