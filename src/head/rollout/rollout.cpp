#include "head/rollout/rollout.h"

#include <algorithm>
#include <array>
#include <limits>
#include <set>

#include "head/host/json.h"
#include "head/rollout/record_reader.h"

namespace mangrove::head {

namespace {

constexpr std::string_view kPrefix = "rollout/";
constexpr std::array<std::string_view, 5> kStatusNames = {"running", "paused", "failing", "done", "aborted"};
constexpr std::array<std::string_view, 2> kOnFailureNames = {"pause", "revert"};
constexpr int64_t kLongest = int64_t(365) * 86'400;

Result<uint32_t> wave_from(const cJSON* item, const std::string& origin) {
    bool is_percent = cJSON_IsNumber(item) && item->valuedouble >= 0 && item->valuedouble <= 100
                      && item->valuedouble == static_cast<uint32_t>(item->valuedouble);
    if (!is_percent) return permanent_error(origin, ": waves: expected percents from 1 to 100");
    return static_cast<uint32_t>(item->valuedouble);
}

Json policy_json(const Policy& policy) {
    Json json = make_json_object();
    cJSON* waves = cJSON_AddArrayToObject(json.get(), "waves");
    for (uint32_t wave : policy.waves)
        cJSON_AddItemToArray(waves, cJSON_CreateNumber(wave));
    add_text(json.get(), "max", policy.max.text());
    add_unless_empty(json.get(), "spread_key", policy.spread_key);
    add_unless_zero(json.get(), "spread", policy.spread);
    cJSON_AddNumberToObject(json.get(), "budget_percent", policy.budget_percent);
    cJSON_AddNumberToObject(json.get(), "budget_min", policy.budget_min);
    cJSON_AddNumberToObject(json.get(), "tries", policy.tries);
    cJSON_AddNumberToObject(json.get(), "deadline", static_cast<double>(policy.deadline));
    cJSON_AddNumberToObject(json.get(), "soak", static_cast<double>(policy.soak));
    add_unless_empty(json.get(), "window", policy.window);
    add_unless_empty(json.get(), "drain", policy.drain);
    add_unless_zero(json.get(), "drain_deadline", policy.drain_deadline);
    add_text(json.get(), "restart", policy.restart);
    add_text(json.get(), "on_failure", std::string(kOnFailureNames[static_cast<size_t>(policy.on_failure)]));
    add_unless_empty(json.get(), "allowed_units", policy.allowed_units);
    cJSON_AddBoolToObject(json.get(), "health", policy.needs_health);
    cJSON_AddBoolToObject(json.get(), "approval", policy.needs_approval);
    return json;
}

Result<Policy> policy_from(const cJSON* json, const std::string& origin) {
    Policy policy;
    RecordReader in(json, origin);
    policy.waves.clear();
    const cJSON* wave = nullptr;
    cJSON_ArrayForEach(wave, in.array("waves")) policy.waves.push_back(TRY(wave_from(wave, origin)));
    std::string max = in.text("max");
    policy.spread_key = in.text_or("spread_key");
    policy.spread = in.count_or_zero("spread");
    policy.budget_percent = in.count("budget_percent");
    policy.budget_min = in.count("budget_min");
    policy.tries = in.count("tries");
    policy.deadline = in.number("deadline");
    policy.soak = in.number("soak");
    policy.window = in.text_or("window");
    policy.drain = in.text_or("drain");
    policy.drain_deadline = in.number_or_zero("drain_deadline");
    policy.restart = in.text("restart");
    policy.on_failure = in.one_of<OnFailure>("on_failure", kOnFailureNames);
    policy.allowed_units = in.texts_or_none("allowed_units");
    policy.needs_health = in.flag("health");
    policy.needs_approval = in.flag("approval");
    TRY(in.finish());
    policy.max = TRY(Amount::parse(max), "reading ", origin);
    TRY(check_policy(policy), "reading ", origin);
    return policy;
}

Json member_json(const Member& member) {
    Json json = make_json_object();
    add_text(json.get(), "node", member.node);
    add_unless_empty(json.get(), "place", member.place);
    add_if(json.get(), "bmc", member.has_bmc);
    return json;
}

Result<Member> member_from(const cJSON* json, const std::string& origin) {
    RecordReader in(json, origin + ": nodes");
    Member member{.node = in.text("node"), .place = in.text_or("place"), .has_bmc = in.flag_or_false("bmc")};
    TRY(in.finish());
    return member;
}

Result<> check_rollout(const Rollout& rollout) {
    std::set<std::string_view> names;
    for (const Member& member : rollout.nodes)
        names.insert(member.node);
    if (names.size() != rollout.nodes.size()) return permanent_error(rollout.key(), ": a node occurs twice");
    if (rollout.canaries > rollout.nodes.size())
        return permanent_error(rollout.key(), ": more canaries than nodes");
    if (rollout.release.empty()) return permanent_error(rollout.key(), ": no release");
    return {};
}

} // namespace

Result<Amount> Amount::parse(std::string_view written) {
    bool is_percent = written.ends_with('%');
    std::optional<uint64_t> number = parse_number(written.substr(0, written.size() - (is_percent ? 1 : 0)));
    uint64_t most = is_percent ? 100 : std::numeric_limits<uint32_t>::max();
    if (!number || *number == 0 || *number > most)
        return permanent_error("'", written, "': expected a number of nodes, or percents from 1% to 100%");
    return Amount{.number = static_cast<uint32_t>(*number), .is_percent = is_percent};
}

std::string Amount::text() const {
    return mangrove::text(number, is_percent ? "%" : "");
}

size_t Amount::of(size_t total) const {
    return is_percent ? std::max<size_t>(1, total * number / 100) : number;
}

Result<> check_policy(const Policy& policy) {
    bool rises = std::ranges::is_sorted(policy.waves, std::less_equal());
    if (policy.waves.empty() || policy.waves.front() == 0 || policy.waves.back() != 100 || !rises)
        return permanent_error("waves: expected percents that rise to 100, such as 5%,25%,100%");
    if (policy.spread_key.empty() != (policy.spread == 0))
        return permanent_error("spread: expected KEY=NUMBER with a number of at least 1, such as rack=2");
    if (policy.budget_percent > 100 || policy.budget_min == 0)
        return permanent_error("budget: expected 0% to 100% and a minimum of at least 1");
    if (policy.tries == 0 || policy.tries > 100) return permanent_error("tries: expected 1 to 100");
    if (policy.deadline <= 0 || policy.deadline > kLongest || policy.soak < 0 || policy.soak > kLongest)
        return permanent_error("deadline, soak: expected a time of at most a year");
    if (policy.drain_deadline < 0 || policy.drain_deadline > kLongest)
        return permanent_error("drain deadline: expected a time of at most a year");
    if (policy.drain_deadline > 0 && policy.drain.empty())
        return permanent_error("drain deadline: nodes are not drained; give --drain");
    if (policy.restart.empty()) return permanent_error("restart: empty; 'none' waits for the next boot");
    return {};
}

std::string_view status_name(const Rollout& rollout) {
    if (rollout.is_reverting && rollout.status == Status::running) return "reverting";
    if (rollout.is_reverting && rollout.status == Status::done) return "reverted";
    return kStatusNames[static_cast<size_t>(rollout.status)];
}

bool has_ended(const Rollout& rollout) {
    return rollout.status == Status::done || rollout.status == Status::aborted;
}

std::string to_json(const Rollout& rollout) {
    Json json = make_json_object();
    add_text(json.get(), "release", rollout.release);
    cJSON* nodes = cJSON_AddArrayToObject(json.get(), "nodes");
    for (const Member& member : rollout.nodes)
        cJSON_AddItemToArray(nodes, member_json(member).release());
    cJSON_AddNumberToObject(json.get(), "canaries", rollout.canaries);
    cJSON_AddItemToObject(json.get(), "policy", policy_json(rollout.policy).release());
    add_text(json.get(), "status", std::string(kStatusNames[static_cast<size_t>(rollout.status)]));
    add_if(json.get(), "reverting", rollout.is_reverting);
    add_if(json.get(), "broken", rollout.is_broken);
    add_unless_zero(json.get(), "approved", rollout.approved);
    add_unless_zero(json.get(), "resumed_at", rollout.resumed_at);
    cJSON_AddNumberToObject(json.get(), "started", static_cast<double>(rollout.started));
    add_text(json.get(), "who", rollout.who);
    add_unless_empty(json.get(), "reason", rollout.reason);
    return print_json(json);
}

Result<Rollout> rollout_from(const Entry& entry) {
    Json json = TRY(parse_record(entry.value, entry.key));
    Rollout rollout{.id = entry.key.substr(kPrefix.size()), .read_at = entry.revision};
    RecordReader in(json.get(), entry.key);
    rollout.release = in.text("release");
    const cJSON* member = nullptr;
    cJSON_ArrayForEach(member, in.array("nodes"))
        rollout.nodes.push_back(TRY(member_from(member, entry.key)));
    rollout.canaries = in.count("canaries");
    if (const cJSON* policy = in.object("policy"))
        rollout.policy = TRY(policy_from(policy, entry.key + ": policy"));
    rollout.status = in.one_of<Status>("status", kStatusNames);
    rollout.is_reverting = in.flag_or_false("reverting");
    rollout.is_broken = in.flag_or_false("broken");
    rollout.approved = in.count_or_zero("approved");
    rollout.resumed_at = in.number_or_zero("resumed_at");
    rollout.started = in.number("started");
    rollout.who = in.text("who");
    rollout.reason = in.text_or("reason");
    TRY(in.finish());
    TRY(check_rollout(rollout));
    return rollout;
}

Result<std::vector<Rollout>> list_rollouts(Database& database) {
    std::vector<Rollout> rollouts;
    for (const Entry& entry : TRY(database.list(std::string(kPrefix))))
        rollouts.push_back(TRY(rollout_from(entry)));
    std::ranges::sort(rollouts, {}, [](const Rollout& rollout) {
        return std::pair(parse_number(rollout.id).value_or(0), rollout.id);
    });
    return rollouts;
}

} // namespace mangrove::head
