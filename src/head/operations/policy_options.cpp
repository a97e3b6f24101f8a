#include "head/operations/policy_options.h"

#include <algorithm>
#include <functional>

#include "head/rollout/driver.h"

namespace mangrove::head {

Result<std::vector<std::string>> texts_in(const cJSON* list) {
    std::vector<std::string> texts;
    const cJSON* one = nullptr;
    cJSON_ArrayForEach(one, list) {
        if (!cJSON_IsString(one)) return permanent_error("expected a list of texts");
        texts.emplace_back(one->valuestring);
    }
    if (!cJSON_IsArray(list)) return permanent_error("expected a list of texts");
    return texts;
}

namespace {

/// "90", "90s", "15m", "2h", in seconds.
Result<int64_t> parse_duration(const char* option, std::string_view written) {
    std::string_view digits = written;
    int64_t unit = 1;
    if (!digits.empty()) {
        char last = digits.back();
        unit = last == 'h' ? 3600 : last == 'm' ? 60 : 1;
        if (last == 'h' || last == 'm' || last == 's') digits.remove_suffix(1);
    }
    std::optional<uint64_t> number = parse_number(digits);
    constexpr uint64_t kMost = 1'000'000;
    if (!number || *number > kMost)
        return permanent_error(option, " ", written, ": expected a time like 90s, 15m or 2h");
    return static_cast<int64_t>(*number) * unit;
}

Result<uint32_t> parse_percent(const char* option, std::string_view written) {
    bool is_percent = written.ends_with('%');
    std::optional<uint64_t> number = parse_number(written.substr(0, written.size() - (is_percent ? 1 : 0)));
    if (!is_percent || !number || *number > 100)
        return permanent_error(option, " ", written, ": expected percents from 0% to 100%");
    return static_cast<uint32_t>(*number);
}

Result<uint32_t> parse_count(const char* option, std::string_view written) {
    std::optional<uint64_t> number = parse_number(written);
    if (!number || *number > 1'000'000)
        return permanent_error(option, " ", written, ": expected a number of nodes");
    return static_cast<uint32_t>(*number);
}

/// "5%,25%,100%"
Result<> set_waves(Policy& policy, const std::string& written) {
    policy.waves.clear();
    for (const std::string& wave : split(written, ','))
        policy.waves.push_back(TRY(parse_percent("waves", wave)));
    return {};
}

/// "rack=2"
Result<> set_spread(Policy& policy, const std::string& written) {
    size_t equals = written.rfind('=');
    if (equals == std::string::npos || equals == 0)
        return permanent_error("spread ", written, ": expected KEY=NUMBER, as rack=2");
    policy.spread_key = written.substr(0, equals);
    policy.spread = TRY(parse_count("spread", std::string_view(written).substr(equals + 1)));
    return {};
}

/// "2%,min=3"
Result<> set_budget(Policy& policy, const std::string& written) {
    constexpr std::string_view kMinimum = "min=";
    for (const std::string& part : split(written, ',')) {
        if (part.starts_with(kMinimum))
            policy.budget_min = TRY(parse_count("budget", std::string_view(part).substr(kMinimum.size())));
        else
            policy.budget_percent = TRY(parse_percent("budget", part));
    }
    return {};
}

Result<> set_choices(Policy& policy, const RolloutOptions& options) {
    if (options.on_failure == "revert")
        policy.on_failure = OnFailure::revert;
    else if (!options.on_failure.empty() && options.on_failure != "pause")
        return permanent_error("on-failure ", options.on_failure, ": expected pause or revert");
    if (!options.health.empty() && options.health != "up" && options.health != "required")
        return permanent_error("health ", options.health, ": expected required or up");
    policy.needs_health = options.health != "up";
    return {};
}

constexpr std::pair<const char*, std::string RolloutOptions::*> kTexts[] = {
    {"release", &RolloutOptions::release},   {"nodes", &RolloutOptions::nodes},
    {"canary", &RolloutOptions::canary},     {"waves", &RolloutOptions::waves},
    {"max", &RolloutOptions::max},           {"spread", &RolloutOptions::spread},
    {"budget", &RolloutOptions::budget},     {"soak", &RolloutOptions::soak},
    {"deadline", &RolloutOptions::deadline}, {"window", &RolloutOptions::window},
    {"drain", &RolloutOptions::drain},       {"drain-deadline", &RolloutOptions::drain_deadline},
    {"restart", &RolloutOptions::restart},   {"on-failure", &RolloutOptions::on_failure},
    {"health", &RolloutOptions::health},
};
constexpr std::pair<const char*, bool RolloutOptions::*> kFlags[] = {
    {"approve", &RolloutOptions::approve},
    {"stateful", &RolloutOptions::stateful},
    {"supersede", &RolloutOptions::supersede},
};

/// The value of one key.
Result<> set_option(RolloutOptions& options, const cJSON* value) {
    std::string_view key = value->string;
    for (const auto& [name, member] : kTexts) {
        if (key != name) continue;
        if (!cJSON_IsString(value)) return permanent_error(name, ": expected a text");
        options.*member = value->valuestring;
        return {};
    }
    for (const auto& [name, member] : kFlags) {
        if (key != name) continue;
        if (!cJSON_IsBool(value)) return permanent_error(name, ": expected true or false");
        options.*member = cJSON_IsTrue(value) != 0;
        return {};
    }
    if (key == "allow-failed") {
        options.allowed_units = TRY(texts_in(value), "reading allow-failed");
        return {};
    }
    if (key == "tries") {
        constexpr double kMost = 1000;
        if (!cJSON_IsNumber(value) || value->valuedouble < 0 || value->valuedouble > kMost)
            return permanent_error("tries: expected a number");
        options.tries = static_cast<uint32_t>(value->valuedouble);
        return {};
    }
    std::vector<std::string> known = {"allow-failed", "tries"};
    for (const auto& [name, member] : kTexts)
        known.emplace_back(name);
    for (const auto& [name, member] : kFlags)
        known.emplace_back(name);
    return permanent_error("unknown key '", key, "'", did_you_mean(key, known));
}

} // namespace

Result<RolloutOptions> rollout_options_from(const cJSON* json) {
    RolloutOptions options;
    const cJSON* value = nullptr;
    cJSON_ArrayForEach(value, json) {
        TRY(set_option(options, value));
    }
    return options;
}

Result<Policy> policy_from(const RolloutOptions& options) {
    Policy policy{.tries = options.tries,
                  .window = options.window,
                  .drain = options.drain,
                  .restart = options.restart,
                  .allowed_units = options.allowed_units,
                  .needs_approval = options.approve};
    if (!options.waves.empty()) TRY(set_waves(policy, options.waves));
    if (!options.max.empty()) policy.max = TRY(Amount::parse(options.max), "reading max");
    if (!options.spread.empty()) TRY(set_spread(policy, options.spread));
    if (!options.budget.empty()) TRY(set_budget(policy, options.budget));
    if (!options.soak.empty()) policy.soak = TRY(parse_duration("soak", options.soak));
    if (!options.deadline.empty()) policy.deadline = TRY(parse_duration("deadline", options.deadline));
    if (!options.drain_deadline.empty())
        policy.drain_deadline = TRY(parse_duration("drain-deadline", options.drain_deadline));
    TRY(set_choices(policy, options));
    if (policy.drain == kSlurm && policy.restart == "none") policy.restart = kSlurm;
    TRY(check_drivers(policy));
    TRY(check_policy(policy));
    return policy;
}

std::string shown_policy(const Policy& policy) {
    std::vector<std::string> waves;
    for (uint32_t wave : policy.waves)
        waves.push_back(text(wave, "%"));
    std::string shown = text("waves ", join(waves, ","), ", at most ", policy.max.text(), " at once, ",
                             policy.tries, policy.tries == 1 ? " try" : " tries", ", deadline ",
                             policy.deadline, " s, soak ", policy.soak, " s, restart ", policy.restart);
    if (!policy.drain.empty()) shown += ", drain " + policy.drain;
    if (policy.drain_deadline > 0) shown += text(" for at most ", policy.drain_deadline, " s");
    if (!policy.spread_key.empty()) shown += text(", ", policy.spread, " for each ", policy.spread_key);
    if (!policy.window.empty()) shown += ", in " + policy.window;
    shown += text(", budget ", policy.budget_percent, "% and ", policy.budget_min, ", on failure ",
                  policy.on_failure == OnFailure::revert ? "revert" : "pause");
    if (!policy.needs_health) shown += ", without health";
    if (policy.needs_approval) shown += ", with approval";
    return shown;
}

} // namespace mangrove::head
