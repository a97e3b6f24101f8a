/// The records of nodes and rollouts are read as they were written, and nothing else is read.

#include <gtest/gtest.h>

#include "head/rollout/node_state.h"
#include "head/rollout/record_reader.h"
#include "head/rollout/rollout.h"

namespace mangrove::head {
namespace {

NodeState full_node() {
    return {.node = "n001",
            .state = State::reverting,
            .committed = "r-1",
            .previous = "r-0",
            .target = "r-2",
            .rollout = "3",
            .tries = 2,
            .since = 1'796'000'000,
            .deadline = 900,
            .soak_until = 1000,
            .place = "rack7",
            .has_bmc = true,
            .is_acted = true,
            .is_by_power = true,
            .is_held = true,
            .is_off = true,
            .is_forgiven = true,
            .rejected = {"r-2", "r-x"},
            .boots = {"a", "b"},
            .running = "r-2",
            .reason = "unit \"a\nb\" failed",
            .note = "its jobs have not ended yet",
            .drained_by = "slurm",
            .boot = {.release = "r-1", .at = 40, .failures = 2, .is_reported = true}};
}

Rollout full_rollout() {
    return {.id = "3",
            .release = "r-2",
            .nodes = {{"n2", "rack7", true}, {"n1"}},
            .canaries = 1,
            .policy = {.waves = {5, 100},
                       .max = {25, false},
                       .spread_key = "rack",
                       .spread = 2,
                       .budget_percent = 5,
                       .budget_min = 1,
                       .tries = 3,
                       .deadline = 100,
                       .soak = 0,
                       .window = "20:00-06:00 UTC",
                       .drain_deadline = 3600,
                       .drain = "slurm",
                       .restart = "ssh",
                       .on_failure = OnFailure::revert,
                       .allowed_units = {"a.service"},
                       .needs_health = false,
                       .needs_approval = true},
            .status = Status::paused,
            .is_reverting = true,
            .is_broken = true,
            .approved = 2,
            .resumed_at = 77,
            .started = 1'796'000'000,
            .who = "root",
            .reason = "x"};
}

std::string problem_of_node(const std::string& json) {
    Result<NodeState> read = node_state_from({.key = "state/n1", .value = json});
    return read ? "" : describe(read.error());
}

std::string problem_of_rollout(const std::string& json) {
    Result<Rollout> read = rollout_from({.key = "rollout/1", .value = json});
    return read ? "" : describe(read.error());
}

std::string with(std::string json, std::string_view part, std::string_view other) {
    size_t at = json.find(part);
    EXPECT_NE(at, std::string::npos) << part;
    return json.replace(at, part.size(), other);
}

TEST(NodeStateRecord, is_read_as_it_was_written) {
    for (const NodeState& node : {full_node(), NodeState{.node = "n001"}}) {
        std::string json = to_json(node);
        Result<NodeState> read = node_state_from({.key = "state/n001", .value = json});
        ASSERT_TRUE(read) << describe(read.error());
        EXPECT_EQ(*read, node) << json;
    }
    EXPECT_EQ(to_json(NodeState{.node = "n001"}), R"({"state":"committed"})");
}

TEST(NodeStateRecord, that_is_damaged_is_an_error) {
    EXPECT_EQ(problem_of_node(""), "state/n1: not JSON");
    EXPECT_EQ(problem_of_node("[]"), "state/n1: expected an object");
    EXPECT_EQ(problem_of_node(R"({"state":"committed"} x)"), "state/n1: unexpected text after the JSON");
    EXPECT_EQ(problem_of_node("{}"), "state/n1: state: missing");
    EXPECT_EQ(
        problem_of_node(R"({"state":"sleeping"})"),
        "state/n1: state: unknown value \"sleeping\"; known are committed, waiting, draining, restarting, "
        "booting, up, soaking, reverting, reverted, lost");
    EXPECT_EQ(problem_of_node(R"({"state":"committed","State":1})"), "state/n1: \"State\": unknown member");
    EXPECT_EQ(problem_of_node(R"({"state":"committed","state":"lost"})"),
              "state/n1: \"state\": occurs twice");
    EXPECT_EQ(problem_of_node(R"({"state":"committed","tries":-1})"),
              "state/n1: tries: expected a number from 0 to 4294967295");
    EXPECT_EQ(problem_of_node(R"({"state":"committed","tries":1.5})"),
              "state/n1: tries: expected a whole number");
    EXPECT_EQ(problem_of_node(R"({"state":"committed","deadline":1e300})"),
              "state/n1: deadline: expected a whole number");
    EXPECT_EQ(problem_of_node(R"({"state":"committed","held":1})"), "state/n1: held: expected true or false");
    EXPECT_EQ(problem_of_node(R"({"state":"committed","rejected":"r-1"})"),
              "state/n1: rejected: expected a list");
    EXPECT_EQ(problem_of_node(R"({"state":"committed","boot":{"release":"r-1"}})"),
              "state/n1: boot: at: missing");
    EXPECT_EQ(problem_of_node(R"({"state":"waiting","target":"r-1"})"),
              "state/n1: waiting, but without a target or a rollout");
    EXPECT_EQ(problem_of_node(R"({"state":"booting","target":"r-1","rollout":"1","rejected":["r-1"]})"),
              "state/n1: booting r-1, which is rejected");
    EXPECT_FALSE(node_state_from({.key = "state/a b", .value = R"({"state":"committed"})"}));
}

TEST(RolloutRecord, is_read_as_it_was_written) {
    for (const Rollout& rollout :
         {full_rollout(), Rollout{.id = "3", .release = "r-1", .nodes = {{"n1"}}, .who = "root"}}) {
        std::string json = to_json(rollout);
        Result<Rollout> read = rollout_from({.key = "rollout/3", .value = json});
        ASSERT_TRUE(read) << describe(read.error());
        EXPECT_EQ(*read, rollout) << json;
    }
}

TEST(RolloutRecord, that_is_damaged_is_an_error) {
    const std::string json = to_json(full_rollout());
    EXPECT_EQ(problem_of_rollout(json), "");
    EXPECT_EQ(problem_of_rollout(with(json, "\"nodes\"", "\"hosts\"")), "rollout/1: nodes: missing");
    EXPECT_EQ(problem_of_rollout(with(json, R"("node":"n1")", R"("node":1)")),
              "rollout/1: nodes: node: expected a text");
    EXPECT_EQ(problem_of_rollout(with(json, R"("node":"n1")", R"("node":"n2")")),
              "rollout/1: a node occurs twice");
    EXPECT_EQ(problem_of_rollout(with(json, R"("canaries":1)", R"("canaries":3)")),
              "rollout/1: more canaries than nodes");
    EXPECT_EQ(
        problem_of_rollout(with(json, "\"paused\"", "\"resting\"")),
        "rollout/1: status: unknown value \"resting\"; known are running, paused, failing, done, aborted");
    EXPECT_EQ(problem_of_rollout(with(json, R"("on_failure":"revert")", R"("on_failure":"weep")")),
              "rollout/1: policy: on_failure: unknown value \"weep\"; known are pause, revert");
    EXPECT_EQ(
        problem_of_rollout(with(json, R"("max":"25")", R"("max":"0")")),
        "'0': expected a number of nodes, or percents from 1% to 100%\n  while reading rollout/1: policy");
    EXPECT_EQ(problem_of_rollout(with(json, "[5,100]", "[5,101]")),
              "rollout/1: policy: waves: expected percents from 1 to 100");
}

TEST(Policy, is_checked) {
    auto problem = [](auto change) {
        Policy policy;
        change(policy);
        Result<> checked = check_policy(policy);
        return checked ? "" : checked.error().what;
    };
    EXPECT_EQ(problem([](Policy&) {}), "");
    for (const std::vector<uint32_t>& waves :
         std::vector<std::vector<uint32_t>>{{}, {5}, {50, 25, 100}, {0, 100}, {100, 100}})
        EXPECT_EQ(problem([&](Policy& policy) { policy.waves = waves; }),
                  "waves: expected percents that rise to 100, such as 5%,25%,100%");
    EXPECT_EQ(problem([](Policy& policy) { policy.spread_key = "rack"; }),
              "spread: expected KEY=NUMBER with a number of at least 1, such as rack=2");
    EXPECT_EQ(problem([](Policy& policy) { policy.budget_min = 0; }),
              "budget: expected 0% to 100% and a minimum of at least 1");
    EXPECT_EQ(problem([](Policy& policy) { policy.tries = 0; }), "tries: expected 1 to 100");
    EXPECT_EQ(problem([](Policy& policy) { policy.deadline = 0; }),
              "deadline, soak: expected a time of at most a year");
}

TEST(Amount, is_a_number_or_a_part) {
    EXPECT_EQ(Amount::parse("10%").value().of(55), 5U);
    EXPECT_EQ(Amount::parse("10%").value().of(3), 1U);
    EXPECT_EQ(Amount::parse("25").value().of(3), 25U);
    EXPECT_EQ(Amount::parse("25").value().text(), "25");
    EXPECT_EQ(Amount::parse("100%").value().text(), "100%");
    for (const char* bad : {"", "%", "0", "0%", "101%", "-1", "1.5", "1 %", "99999999999"})
        EXPECT_FALSE(Amount::parse(bad)) << bad;
}

TEST(CanonicalJson, sorts_members_and_nothing_else) {
    auto canonical = [](const std::string& json) { return canonical_json(parse_record(json, "x")->get()); };
    EXPECT_EQ(canonical(R"({"b":[{"z":1,"a":null},2],"a\n":"x","B":1.5})"),
              R"({"B":1.5,"a\n":"x","b":[{"a":null,"z":1},2]})");
}

} // namespace
} // namespace mangrove::head
