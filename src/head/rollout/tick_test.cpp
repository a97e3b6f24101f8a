/// Whole rollouts of machines that boot, without chaos.

#include "head/rollout/tick.h"

#include <gtest/gtest.h>

#include "head/host/testing/full_tree.h"
#include "head/rollout/release.h"
#include "head/rollout/testing/simulation.h"

namespace mangrove::head {
namespace {

using testing::Behaviour;
using testing::Machine;
using testing::Simulation;

constexpr int64_t kHour = 3600;

class TickTest : public ::testing::Test {
  protected:
    /// All machines are committed to r-old.
    void SetUp() override {
        simulation.start("r-old", {.soak = 60, .restart = "ssh"}, 0);
        simulation.pass(kHour);
        ASSERT_EQ(simulation.count(State::committed), 9U) << simulation.describe();
    }
    void TearDown() override { EXPECT_TRUE(simulation.problems.empty()) << simulation.problems.front(); }

    void fails(const char* release, std::initializer_list<const char*> machines, Behaviour behaviour) {
        for (const char* machine : machines)
            simulation.behaviours[{release, machine}] = behaviour;
    }
    const Rollout& rollout(const char* id) {
        static const Rollout kNone = {.reason = "there is no such rollout"};
        auto found = simulation.records().rollouts.find(id);
        return found == simulation.records().rollouts.end() ? kNone : found->second;
    }
    size_t committed_to(const char* release) {
        return static_cast<size_t>(std::ranges::count_if(simulation.records().nodes, [&](const auto& entry) {
            return entry.second.state == State::committed && entry.second.committed == release;
        }));
    }
    /// Names of the nodes in a state, by the database's order.
    std::string in(State state) {
        std::vector<std::string> names;
        for (const auto& [name, node] : simulation.records().nodes)
            if (node.state == state) names.push_back(name);
        return join(names, ",");
    }

    uint32_t count_ = 0;
    Simulation simulation{[this](uint32_t bound) { return count_++ % bound; }, 9};
    Policy policy = {.tries = 2, .deadline = 300, .soak = 300, .restart = "ssh"};
};

TEST_F(TickTest, canaries_come_first_and_then_the_waves) {
    policy.waves = {50, 100};
    simulation.start("r-new", policy, 2);
    simulation.pass(10);
    EXPECT_EQ(in(State::restarting), "n1,n2");
    simulation.pass(500);
    EXPECT_EQ(committed_to("r-new"), 2U) << simulation.describe();
    EXPECT_EQ(in(State::waiting), "n6,n7,n8,n9");
    simulation.pass(kHour);
    EXPECT_EQ(committed_to("r-new"), 9U) << simulation.describe();
    EXPECT_EQ(status_name(rollout("2")), "done");
}

TEST_F(TickTest, a_canary_that_fails_stops_the_rollout) {
    policy.budget_min = 5;
    fails("r-new", {"n1"}, Behaviour::panics);
    simulation.start("r-new", policy, 1);
    simulation.pass(kHour);
    EXPECT_EQ(in(State::reverted), "n1");
    EXPECT_EQ(simulation.machines[0].release, "r-old");
    EXPECT_EQ(rollout("2").reason, "the canary n1 failed: restarted before it was committed");
    EXPECT_EQ(status_name(rollout("2")), "paused");
    EXPECT_EQ(simulation.count(State::waiting), 8U);
}

TEST_F(TickTest, every_failure_ends_on_the_committed_release) {
    policy.budget_percent = 100;
    fails("r-new", {"n1"}, Behaviour::panics);
    fails("r-new", {"n3"}, Behaviour::hangs); // with a BMC
    fails("r-new", {"n4"}, Behaviour::hangs); // without
    fails("r-new", {"n5"}, Behaviour::falls_back);
    fails("r-new", {"n6"}, Behaviour::unhealthy);
    simulation.start("r-new", policy, 0);
    simulation.pass(3 * kHour);
    EXPECT_EQ(in(State::reverted), "n1,n3,n5,n6") << simulation.describe();
    EXPECT_EQ(in(State::lost), "n4");
    for (size_t i : {0U, 2U, 4U, 5U})
        EXPECT_EQ(simulation.machines[i].release, "r-old") << i;
    EXPECT_EQ(committed_to("r-new"), 4U);
    EXPECT_EQ(status_name(rollout("2")), "done");
    EXPECT_EQ(simulation.node("n6").reason, "not healthy in time");
}

TEST_F(TickTest, after_a_failure_nodes_restart_through_their_firmware) {
    policy.restart = "soft";
    policy.max = {1, false};
    fails("r-new", {"n1"}, Behaviour::unhealthy);
    simulation.restarts.clear();
    simulation.start("r-new", policy, 0);
    simulation.pass(3 * kHour);
    ASSERT_GE(simulation.restarts.size(), 4U) << simulation.describe();
    EXPECT_EQ(simulation.restarts[0], "n1 by soft");
    EXPECT_EQ(simulation.restarts[1], "n1 by ssh") << "its second try";
    EXPECT_EQ(simulation.restarts[2], "n1 by ssh") << "back to the committed release";
    EXPECT_EQ(simulation.restarts[3], "n2 by soft");
}

TEST_F(TickTest, the_budget_has_a_minimum) {
    policy.budget_percent = 0;
    policy.budget_min = 3;
    policy.max = {1, false};
    fails("r-new", {"n1", "n2"}, Behaviour::panics);
    simulation.start("r-new", policy, 0);
    simulation.pass(5 * kHour);
    EXPECT_EQ(committed_to("r-new"), 7U) << simulation.describe();
    fails("r-newer", {"n2", "n3", "n4"}, Behaviour::panics);
    simulation.start("r-newer", policy, 0);
    simulation.pass(5 * kHour);
    EXPECT_EQ(rollout("3").reason, "3 of 4 nodes failed");
    EXPECT_EQ(simulation.count(State::waiting), 5U);
}

TEST_F(TickTest, a_rollout_that_reverts_brings_all_nodes_back) {
    policy.on_failure = OnFailure::revert;
    policy.budget_min = 2;
    fails("r-new", {"n8", "n9"}, Behaviour::unhealthy);
    policy.waves = {50, 100};
    simulation.start("r-new", policy, 0);
    simulation.pass(3 * kHour);
    EXPECT_EQ(simulation.count(State::reverted), 9U) << simulation.describe();
    EXPECT_EQ(status_name(rollout("2")), "reverted");
    for (const Machine& machine : simulation.machines)
        EXPECT_EQ(machine.release, "r-old") << machine.name;
}

TEST_F(TickTest, nodes_that_cannot_come_back_prove_nothing) {
    policy.on_failure = OnFailure::revert;
    policy.budget_min = 1;
    fails("r-new", {"n2"}, Behaviour::hangs); // without a BMC
    simulation.start("r-new", policy, 0);
    simulation.pass(3 * kHour);
    EXPECT_EQ(status_name(rollout("2")), "paused");
    EXPECT_EQ(rollout("2").reason, "1 of 9 nodes failed; none of them came back with the committed release");
    EXPECT_EQ(committed_to("r-new"), 8U);
}

/// The storage server dies under a whole wave.
TEST_F(TickTest, the_breaker_reverts_nothing_when_the_servers_are_dead) {
    policy.on_failure = OnFailure::revert;
    simulation.start("r-new", policy, 1);
    simulation.pass(600);
    ASSERT_EQ(committed_to("r-new"), 1U) << simulation.describe();
    ASSERT_EQ(simulation.count(State::waiting), 0U);
    simulation.is_storage_dead = true;
    simulation.pass(5 * kHour);
    EXPECT_TRUE(rollout("2").is_broken) << simulation.describe();
    EXPECT_FALSE(rollout("2").is_reverting);
    EXPECT_EQ(simulation.count(State::reverted), 0U);
    EXPECT_EQ(committed_to("r-new"), 1U);
    for (const auto& [name, node] : simulation.records().nodes)
        EXPECT_TRUE(node.rejected.empty() || node.state == State::lost) << name;
    simulation.settle();
    for (Machine& machine : simulation.machines)
        if (simulation.node(machine.name).state == State::lost)
            simulation.order_nodes(machine, NodesOrder::retry);
    simulation.settle();
    EXPECT_EQ(committed_to("r-new"), 9U) << simulation.describe();
}

TEST_F(TickTest, no_deadline_ends_while_the_head_is_down) {
    simulation.start("r-new", policy, 0);
    simulation.pass(30);
    simulation.skip(10 * kHour);
    simulation.pass(5);
    EXPECT_EQ(simulation.count(State::lost) + simulation.count(State::reverting), 0U)
        << simulation.describe();
    simulation.pass(kHour);
    EXPECT_EQ(committed_to("r-new"), 9U);
}

TEST_F(TickTest, nodes_begin_only_in_the_window) {
    // It is Monday, 2026-11-30 01:53 in UTC, and 07:23 in Kolkata.
    policy.window = "Mon 08:00-09:00 Asia/Kolkata";
    simulation.start("r-new", policy, 0);
    simulation.pass(kHour / 2);
    EXPECT_EQ(simulation.count(State::waiting), 9U) << simulation.describe();
    simulation.pass(kHour / 2);
    EXPECT_EQ(simulation.count(State::waiting), 0U) << simulation.describe();
}

TEST_F(TickTest, nodes_that_are_off_or_held_keep_nobody_waiting) {
    policy.waves = {50, 100};
    simulation.switch_off(simulation.machines[0]);
    simulation.order_nodes(simulation.machines[1], NodesOrder::hold);
    simulation.start("r-new", policy, 0);
    simulation.pass(2 * kHour);
    EXPECT_EQ(committed_to("r-new"), 7U) << simulation.describe();
    EXPECT_EQ(in(State::waiting), "n1,n2");
    EXPECT_EQ(status_name(rollout("2")), "running");
    simulation.restart(simulation.machines[0]);
    simulation.order_nodes(simulation.machines[1], NodesOrder::unhold);
    simulation.pass(kHour);
    EXPECT_EQ(committed_to("r-new"), 9U) << simulation.describe();
    EXPECT_EQ(simulation.node("n1").tries, 1U) << "it began with its own boot";
}

TEST_F(TickTest, nodes_that_the_scheduler_does_not_give_keep_nobody_waiting) {
    simulation.drained_by_operator = {"n1", "n2"};
    policy.waves = {20, 100};
    policy.max = {.number = 2, .is_percent = false};
    policy.drain = policy.restart = "slurm";
    simulation.start("r-new", policy, 0);
    simulation.pass(2 * kHour);
    EXPECT_EQ(committed_to("r-new"), 7U) << simulation.describe();
    EXPECT_EQ(in(State::waiting), "n1,n2");
    EXPECT_EQ(status_name(rollout("2")), "running");
    simulation.drained_by_operator = {};
    simulation.pass(kHour);
    EXPECT_EQ(committed_to("r-new"), 9U) << simulation.describe();
}

TEST_F(TickTest, nodes_of_slurm_are_restarted_by_nobody_behind_its_back) {
    policy.drain = "slurm";
    simulation.start("r-new", policy, 0);
    std::set<Action::Kind> kinds;
    for (int i = 0; i < 100; ++i) {
        simulation.pass(1);
        for (const Action& action : tick(simulation.records(), simulation.records().clock).actions) {
            ASSERT_TRUE(action.is_in_slurm) << action.id;
            kinds.insert(action.kind);
        }
    }
    EXPECT_TRUE(kinds.contains(Action::Kind::drain));
    EXPECT_TRUE(kinds.contains(Action::Kind::restart));
}

TEST_F(TickTest, an_operator_who_switches_nodes_off_is_obeyed) {
    simulation.start("r-new", policy, 0);
    simulation.pass(20);
    std::vector<std::string> nodes = {"n1", "n9", "other"};
    RolloutStep step = note_off(simulation.records(), nodes, simulation.records().clock);
    ASSERT_EQ(step.nodes.size(), 2U) << "a node without a record needs none";
    EXPECT_TRUE(step.nodes[0].is_off);
    EXPECT_EQ(step.nodes[0].state, State::waiting) << simulation.describe();
}

TEST_F(TickTest, without_restarts_nodes_begin_when_they_boot) {
    policy.restart = "none";
    policy.max = {2, false};
    simulation.start("r-new", policy, 0);
    simulation.pass(kHour);
    EXPECT_EQ(simulation.count(State::waiting), 9U);
    for (size_t i : {0U, 1U, 2U})
        simulation.restart(simulation.machines[i]);
    simulation.pass(kHour / 20);
    EXPECT_EQ(simulation.count(State::waiting), 7U) << "two slots\n" << simulation.describe();
    simulation.pass(kHour);
    EXPECT_EQ(committed_to("r-new"), 2U);
}

TEST_F(TickTest, waves_wait_for_approval) {
    policy.needs_approval = true;
    simulation.start("r-new", policy, 2);
    simulation.pass(kHour);
    EXPECT_EQ(committed_to("r-new"), 2U);
    simulation.order("2", RolloutOrder::approve);
    simulation.order("2", RolloutOrder::approve);
    EXPECT_EQ(rollout("2").approved, 1U);
    simulation.pass(kHour);
    EXPECT_EQ(committed_to("r-new"), 9U);
}

TEST_F(TickTest, a_retry_after_the_fix_allows_the_release_again) {
    fails("r-new", {"n1"}, Behaviour::panics);
    simulation.start("r-new", policy, 1);
    simulation.pass(kHour);
    ASSERT_EQ(in(State::reverted), "n1");
    simulation.behaviours.clear();
    simulation.order_nodes(simulation.machines[0], NodesOrder::retry);
    simulation.order("2", RolloutOrder::resume);
    simulation.pass(2 * kHour);
    EXPECT_EQ(committed_to("r-new"), 9U) << simulation.describe();
    EXPECT_TRUE(simulation.node("n1").rejected.empty());
}

TEST_F(TickTest, a_release_that_a_node_rejected_does_not_come_back) {
    fails("r-new", {"n1"}, Behaviour::panics);
    simulation.start("r-new", policy, 0);
    simulation.pass(kHour);
    ASSERT_EQ(in(State::reverted), "n1");
    simulation.start("r-other", policy, 0);
    simulation.pass(kHour);
    ASSERT_EQ(committed_to("r-other"), 9U);
    policy.budget_min = 1;
    simulation.start("r-new", policy, 0);
    simulation.pass(kHour);
    EXPECT_EQ(in(State::reverted), "n1") << simulation.describe();
    EXPECT_EQ(committed_to("r-new"), 8U) << "it counts as no failure";
    EXPECT_EQ(simulation.machines[0].release, "r-other");
}

TEST_F(TickTest, an_abort_lets_nodes_end_that_were_served) {
    policy.max = {2, false};
    simulation.start("r-new", policy, 0);
    simulation.pass(100);
    simulation.order("2", RolloutOrder::abort);
    simulation.pass(kHour);
    EXPECT_EQ(committed_to("r-new"), 2U) << simulation.describe();
    EXPECT_EQ(committed_to("r-old"), 7U);
    EXPECT_FALSE(simulation.start("r-newer", policy, 0) == std::nullopt);
}

TEST_F(TickTest, an_operator_reverts_a_rollout_that_is_done) {
    simulation.start("r-new", policy, 0);
    simulation.pass(kHour);
    ASSERT_EQ(committed_to("r-new"), 9U);
    policy.max = {3, false};
    simulation.order("2", RolloutOrder::revert);
    simulation.pass(kHour);
    EXPECT_EQ(simulation.count(State::reverted), 9U) << simulation.describe();
    EXPECT_EQ(status_name(rollout("2")), "reverted");
    for (const Machine& machine : simulation.machines)
        EXPECT_EQ(machine.release, "r-old");
}

TEST_F(TickTest, one_rollout_has_a_node_at_a_time) {
    simulation.start("r-new", policy, 0);
    simulation.pass(100);
    RolloutRequest request{.release = "r-newer", .nodes = {{"n2"}, {"n1"}}, .canaries = {"n1"}};
    EXPECT_EQ(start_rollout(simulation.records(), request, {}).error().what,
              "nodes n[1-2]: in the rollout 2; abort it, or supersede it");
    request.supersedes = true;
    RolloutStep step = start_rollout(simulation.records(), request, {}).value();
    ASSERT_EQ(step.rollouts.size(), 2U);
    EXPECT_EQ(step.rollouts[0].reason, "superseded by the rollout 3");
    EXPECT_EQ(step.rollouts[1].nodes[0].node, "n1");
    EXPECT_EQ(step.rollouts[1].canaries, 1U);
}

TEST_F(TickTest, orders_that_make_no_sense_say_why) {
    auto problem = [&](const char* id, RolloutOrder order) {
        return operate(simulation.records(), id, order, {}).error().what;
    };
    EXPECT_EQ(problem("7", RolloutOrder::pause), "rollout 7: not found");
    EXPECT_EQ(problem("1", RolloutOrder::pause),
              "rollout 1: done; only a rollout that is running can be paused");
    EXPECT_EQ(problem("1", RolloutOrder::resume),
              "rollout 1: done; only a rollout that is paused or failing can be resumed");
    EXPECT_EQ(problem("1", RolloutOrder::approve), "rollout 1: done; it waits for no approval");
    EXPECT_EQ(problem("1", RolloutOrder::abort), "rollout 1: done; it has ended already");
    EXPECT_EQ(
        operate(simulation.records(), std::vector<std::string>{"n1"}, NodesOrder::retry, {}).error().what,
        "node n1: committed; only nodes that are reverted or lost can be retried");
    EXPECT_EQ(start_rollout(simulation.records(), {.release = "r"}, {}).error().what,
              "rollout: no nodes; name some, or @GROUP, or all");
    EXPECT_EQ(start_rollout(simulation.records(), {.release = "r", .nodes = {{"n1"}}, .canaries = {"n2"}}, {})
                  .error()
                  .what,
              "canary n2: not a node of the rollout; add it to the nodes");
    Policy never = policy;
    never.window = "20:00-20:00 UTC";
    EXPECT_FALSE(
        start_rollout(simulation.records(), {.release = "r", .nodes = {{"n1"}}, .policy = never}, {}));
    std::vector<Member> members = {{.node = "n1"}, {.node = "n2", .has_bmc = true}, {.node = "n3"}};
    EXPECT_EQ(
        start_rollout(simulation.records(),
                      {.release = "r", .nodes = members, .policy = {.restart = "power"}}, {})
            .error()
            .what,
        "--restart power: nodes n[1,3]: no BMC that can be asked; mangrovectl power status shows what is "
        "missing");
    EXPECT_TRUE(start_rollout(simulation.records(),
                              {.release = "r", .nodes = {members[1]}, .policy = {.restart = "power"}}, {}));
}

TEST_F(TickTest, work_that_does_not_end_keeps_nobody_else_waiting) {
    policy.max = {.number = 1, .is_percent = false};
    policy.drain = "slurm";
    policy.drain_deadline = 600;
    simulation.busy = {"n1"};
    simulation.start("r-new", policy, 0);
    simulation.pass(500);
    EXPECT_EQ(in(State::draining), "n1");
    simulation.pass(8 * kHour);
    EXPECT_EQ(simulation.count(State::committed), 8U) << simulation.describe();
    EXPECT_EQ(in(State::waiting), "n1");
    EXPECT_TRUE(simulation.node("n1").is_held);
    EXPECT_EQ(simulation.node("n1").drained_by, "") << "the scheduler has it back";
    EXPECT_EQ(rollout("2").status, Status::running);
    simulation.busy.clear();
    simulation.order_nodes(simulation.machines[0], NodesOrder::unhold);
    simulation.pass(2 * kHour);
    EXPECT_EQ(simulation.count(State::committed), 9U);
    EXPECT_EQ(rollout("2").status, Status::done);
}

class StoredTest : public ::testing::Test {
  protected:
    Records load() {
        Result<Records> records = load_records(*database_);
        EXPECT_TRUE(records) << describe(records.error());
        return std::move(*records);
    }
    void commit(Records& records, const RolloutStep& step) {
        Result<> committed = head::commit(*database_, records, step);
        EXPECT_TRUE(committed) << describe(committed.error());
    }
    RolloutStep start() {
        return start_rollout(load(),
                             {.release = "r-new",
                              .nodes = {{"n1"}, {"n2"}},
                              .policy = {.window = "00:00-24:00 UTC", .restart = "ssh"}},
                             {.up = 1, .wall = 1000})
            .value();
    }

    Stage stage_ = make_test_directory();
    std::unique_ptr<Database> database_ = open_sqlite_database(stage_.path / "nodes.db").value();
};

TEST_F(StoredTest, records_are_read_as_they_were_committed) {
    Records records = load();
    commit(records, start());
    records.clock = {.up = 5, .wall = 2000};
    commit(records, tick(records, records.clock));
    commit(records, {.nodes = {on_event(records, "n1", {NodeEvent::Kind::script}, {.up = 9, .wall = 2004})}});
    commit(records,
           {.nodes = {on_event(records, "outside", {NodeEvent::Kind::script}, {.up = 9, .wall = 2004})}});
    Records read = load();
    EXPECT_EQ(read.nodes, records.nodes);
    EXPECT_EQ(read.rollouts, records.rollouts);
    EXPECT_EQ(read.windows.size(), 1U);
    EXPECT_EQ(read.nodes.find("n1")->second.state, State::booting);
    EXPECT_EQ(read.nodes.find("outside")->second.boot.at, 9);
    EXPECT_EQ(read.clock.up, 9) << "no record is of a later moment";
}

TEST_F(StoredTest, a_release_to_which_a_node_moves_must_exist) {
    RolloutStep step{.nodes = {{.node = "n1", .state = State::waiting, .target = "r-gone", .rollout = "1"}}};
    EXPECT_EQ(keep_releases(*database_, {}, step).error().what, "release r-gone: not found");
    Records under_way;
    under_way.nodes["n1"] = step.nodes[0];
    EXPECT_TRUE(keep_releases(*database_, under_way, step)->empty()) << "it can be held";
    Release release = make_release(*database_, {.publication = "debian.iscsi"}).value();
    step.nodes[0].target = release.id;
    std::vector<Write> writes = keep_releases(*database_, {}, step).value();
    ASSERT_TRUE(remove_release(*database_, release.id));
    EXPECT_EQ(database_->commit(writes).error().code, ESTALE);
}

TEST_F(StoredTest, a_record_that_was_changed_meanwhile_is_not_overwritten) {
    Records one = load();
    commit(one, start());
    Records other = load();
    commit(one, tick(one, one.clock));
    Result<> late = head::commit(*database_, other, tick(other, other.clock));
    ASSERT_FALSE(late);
    EXPECT_EQ(late.error().code, ESTALE);
    EXPECT_TRUE(other.nodes.empty());
}

} // namespace
} // namespace mangrove::head
