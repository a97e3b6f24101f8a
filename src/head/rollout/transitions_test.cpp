#include "head/rollout/transitions.h"

#include <gtest/gtest.h>

namespace mangrove::head {
namespace {

using Kind = NodeEvent::Kind;

/// One node in a rollout from r-old to r-new, with 2 tries, a deadline of 900 s and a soak of 600 s.
class TransitionsTest : public ::testing::Test {
  protected:
    TransitionsTest() { rollout.policy = {.tries = 2, .deadline = 900, .soak = 600, .restart = "ssh"}; }

    State cue(Cue cue) {
        node = transition(node, cue, {.rollout = rollout, .now = now});
        return node.state;
    }
    State event(const NodeEvent& event) {
        node = on_event(node, event, {.rollout = rollout, .now = now, .may_begin = may_begin});
        return node.state;
    }
    State script() { return event({Kind::script}); }
    State report(const char* release, const char* boot_id) {
        return event({.kind = Kind::report, .release = release, .boot_id = boot_id});
    }
    State health(const char* boot_id, bool is_healthy) {
        return event(
            {.kind = Kind::health, .boot_id = boot_id, .is_healthy = is_healthy, .why = "a.service"});
    }
    void pass(int64_t seconds) {
        now.up += seconds;
        now.wall += seconds;
    }
    void boot_target() {
        cue(Cue::slot);
        script();
    }
    void boot_to_the_last_try() {
        boot_target();
        pass(30);
        ASSERT_EQ(script(), State::booting);
        ASSERT_EQ(node.tries, 2U);
    }

    Rollout rollout = {.id = "1", .release = "r-new"};
    NodeState node = {
        .node = "n1", .state = State::waiting, .committed = "r-old", .target = "r-new", .rollout = "1"};
    Moment now = {.up = 1000, .wall = 1'796'000'000};
    bool may_begin = false;
};

TEST_F(TransitionsTest, a_healthy_node_commits_after_the_soak) {
    EXPECT_EQ(script(), State::waiting);
    EXPECT_EQ(serve(node), "r-old");
    EXPECT_EQ(report("r-old", "b0"), State::waiting);
    EXPECT_EQ(cue(Cue::slot), State::restarting);
    EXPECT_EQ(serve(node), "r-old") << "nothing is served before it is recorded";
    EXPECT_EQ(event({Kind::restarted}), State::restarting);
    EXPECT_TRUE(node.is_acted);
    pass(60);
    EXPECT_EQ(script(), State::booting);
    EXPECT_EQ(serve(node), "r-new");
    EXPECT_EQ(event({.kind = Kind::definition, .release = "r-new"}), State::booting);
    EXPECT_EQ(report("r-new", "b1"), State::up);
    EXPECT_EQ(health("b1", true), State::soaking);
    pass(600);
    EXPECT_EQ(cue(Cue::soak_ended), State::soaking) << "until it is healthy at the end";
    EXPECT_EQ(health("b1", true), State::committed);
    EXPECT_EQ(node.committed, "r-new");
    EXPECT_EQ(node.previous, "r-old");
    EXPECT_EQ(serve(node), "r-new");
}

TEST_F(TransitionsTest, a_node_can_report_a_boot_without_a_script) {
    cue(Cue::slot);
    EXPECT_EQ(event({.kind = Kind::definition, .release = "r-new"}), State::booting);
    EXPECT_EQ(event({Kind::restarted}), State::booting);
    EXPECT_EQ(node.tries, 1U);
    EXPECT_EQ(report("r-new", "soft-1"), State::up);
    EXPECT_EQ(health("soft-1", true), State::soaking);
}

TEST_F(TransitionsTest, a_restart_without_firmware_that_is_refused_costs_no_try) {
    const NodeEvent refused = {.kind = Kind::restarted, .why = "systemd 252 is running"};
    rollout.policy.tries = 1;
    for (bool is_fetched : {false, true}) {
        node.state = State::waiting;
        node.tries = 0;
        cue(Cue::slot);
        if (is_fetched) event({.kind = Kind::definition, .release = "r-new"});
        EXPECT_EQ(event(refused), State::restarting) << is_fetched;
        EXPECT_EQ(node.tries, 0U);
        EXPECT_TRUE(node.is_acted);
        EXPECT_EQ(node.reason, "restarts through its firmware: systemd 252 is running");
        pass(60);
        EXPECT_EQ(script(), State::booting);
        EXPECT_EQ(node.tries, 1U);
        EXPECT_EQ(serve(node), "r-new");
        EXPECT_EQ(node.reason, "restarts through its firmware: systemd 252 is running");
    }
}

TEST_F(TransitionsTest, scripts_within_20_seconds_are_one_try) {
    boot_target();
    pass(19);
    EXPECT_EQ(script(), State::booting);
    EXPECT_EQ(node.tries, 1U);
    pass(1);
    EXPECT_EQ(script(), State::booting);
    EXPECT_EQ(node.tries, 2U);
    EXPECT_EQ(node.boot.failures, 1U);
}

TEST_F(TransitionsTest, one_more_script_than_there_are_tries_reverts) {
    boot_to_the_last_try();
    pass(30);
    EXPECT_EQ(script(), State::reverting);
    EXPECT_EQ(serve(node), "r-old");
    EXPECT_TRUE(node.rejects("r-new"));
    EXPECT_TRUE(node.is_acted) << "the node is booting already";
    EXPECT_EQ(report("r-old", "b3"), State::reverted);
    EXPECT_EQ(node.reason, "restarted before it was committed");
    pass(100'000);
    script();
    EXPECT_EQ(serve(node), "r-old");
}

TEST_F(TransitionsTest, a_restart_in_the_soak_is_a_try) {
    boot_target();
    report("r-new", "b1");
    health("b1", true);
    pass(100);
    EXPECT_EQ(script(), State::booting);
    EXPECT_EQ(node.tries, 2U);
    report("r-new", "b2");
    EXPECT_EQ(health("b1", true), State::up) << "the health of another boot";
    EXPECT_EQ(health("b2", true), State::soaking);
    pass(100);
    EXPECT_EQ(script(), State::reverting);
}

TEST_F(TransitionsTest, a_fallback_is_no_success) {
    boot_target();
    NodeEvent fallback{.kind = Kind::report, .release = "r-new", .boot_id = "b1", .is_fallback = true};
    EXPECT_EQ(event(fallback), State::restarting);
    EXPECT_EQ(node.reason, "booted another release: a fallback");
    EXPECT_EQ(health("b1", true), State::restarting);
    pass(60);
    EXPECT_EQ(script(), State::booting);
    fallback.boot_id = "b2";
    EXPECT_EQ(event(fallback), State::reverting);
    EXPECT_FALSE(node.is_acted) << "the fallback still runs";
    EXPECT_EQ(serve(node), "r-old");
}

TEST_F(TransitionsTest, another_release_fails_the_try) {
    boot_target();
    EXPECT_EQ(report("r-old", "b1"), State::restarting);
    pass(60);
    script();
    EXPECT_EQ(report("r-old", "b2"), State::reverted) << "the committed release runs already";
    EXPECT_TRUE(node.rejects("r-new"));
}

TEST_F(TransitionsTest, reports_that_are_repeated_or_late_change_nothing) {
    script();
    report("r-old", "b0");
    boot_target();
    const NodeState booting = node;
    EXPECT_EQ(report("r-old", "b0"), State::booting) << "repeated";
    EXPECT_EQ(node, booting);
    report("r-new", "b1");
    const NodeState up = node;
    report("r-new", "b1");
    report("r-old", "b0");
    report("r-other", "bx");
    report("r-old", "by");
    EXPECT_EQ(node, up) << "no script was fetched since the report of b1";
    node.state = State::committed;
    const NodeState committed = node;
    report("r-old", "b2");
    health("b1", false);
    EXPECT_EQ(node, committed);
}

TEST_F(TransitionsTest, a_late_report_of_the_target_does_not_hide_that_the_node_came_back) {
    boot_to_the_last_try();
    pass(30);
    script();
    EXPECT_EQ(report("r-new", "b2"), State::reverting) << "of the last try";
    EXPECT_EQ(report("r-old", "b3"), State::reverted);
}

TEST_F(TransitionsTest, unhealthy_until_the_deadline_fails) {
    boot_target();
    report("r-new", "b1");
    EXPECT_EQ(health("b1", false), State::up);
    EXPECT_EQ(node.reason, "unhealthy: a.service");
    EXPECT_EQ(health("b1", true), State::soaking);
    pass(300);
    EXPECT_EQ(health("b1", false), State::up) << "there is time to become healthy again";
    EXPECT_EQ(health("b1", true), State::soaking);
    pass(600);
    EXPECT_EQ(health("b1", false), State::restarting) << "behind the deadline";
    pass(60);
    script();
    report("r-new", "b2");
    pass(900);
    EXPECT_EQ(cue(Cue::deadline), State::reverting);
    EXPECT_EQ(node.reason, "not healthy in time");
}

TEST_F(TransitionsTest, a_node_that_posts_no_more_does_not_commit) {
    boot_target();
    report("r-new", "b1");
    health("b1", true);
    pass(900);
    EXPECT_EQ(cue(Cue::soak_ended), State::up);
    EXPECT_EQ(node.reason, "posts its health no more");
}

TEST_F(TransitionsTest, a_report_is_enough_without_health) {
    rollout.policy.needs_health = false;
    boot_target();
    EXPECT_EQ(report("r-new", "b1"), State::soaking);
    pass(600);
    EXPECT_EQ(cue(Cue::soak_ended), State::committed);
}

TEST_F(TransitionsTest, a_node_that_never_reports_is_lost) {
    boot_target();
    EXPECT_EQ(cue(Cue::deadline), State::lost);
    EXPECT_FALSE(node.rejects("r-new"));
    script();
    EXPECT_EQ(serve(node), "r-old");
    EXPECT_EQ(report("r-old", "b9"), State::lost) << "never retried by itself";
    EXPECT_EQ(cue(Cue::retry), State::waiting);
    EXPECT_EQ(node.tries, 0U);
}

TEST_F(TransitionsTest, a_node_that_never_reports_is_power_cycled) {
    node.has_bmc = true;
    boot_target();
    EXPECT_EQ(cue(Cue::deadline), State::restarting);
    EXPECT_TRUE(node.is_by_power);
    pass(60);
    EXPECT_EQ(script(), State::booting);
    EXPECT_FALSE(node.is_by_power);
    EXPECT_EQ(cue(Cue::deadline), State::reverting) << "no tries are left";
    EXPECT_TRUE(node.is_by_power);
    EXPECT_TRUE(node.rejects("r-new"));
    EXPECT_EQ(cue(Cue::deadline), State::lost);
}

TEST_F(TransitionsTest, a_restart_that_fails_is_done_by_power) {
    cue(Cue::slot);
    EXPECT_EQ(event({.kind = Kind::restart_failed, .why = "no route"}), State::restarting);
    EXPECT_EQ(node.note, "the restart failed: no route");
    EXPECT_FALSE(node.is_by_power);
    node.has_bmc = true;
    event({Kind::restart_failed});
    EXPECT_TRUE(node.is_by_power);
    EXPECT_FALSE(node.is_acted);
    EXPECT_EQ(cue(Cue::deadline), State::lost) << "by power already";
}

TEST_F(TransitionsTest, a_node_that_is_switched_off_waits_and_has_all_its_tries) {
    node.has_bmc = true;
    boot_to_the_last_try();
    EXPECT_EQ(event({Kind::off}), State::waiting);
    EXPECT_TRUE(node.is_off);
    EXPECT_EQ(node.tries, 0U);
    pass(1000);
    EXPECT_EQ(cue(Cue::deadline), State::waiting) << "nobody switches it on";
    EXPECT_EQ(serve(node), "r-old");
    may_begin = true;
    EXPECT_EQ(script(), State::booting);
    EXPECT_FALSE(node.is_off);
}

TEST_F(TransitionsTest, a_reverting_node_that_is_switched_off_goes_back_when_it_is_on) {
    boot_to_the_last_try();
    pass(30);
    EXPECT_EQ(script(), State::reverting);
    EXPECT_EQ(event({Kind::off}), State::waiting);
    pass(30);
    may_begin = true;
    EXPECT_EQ(script(), State::waiting) << "the release stays rejected";
    EXPECT_EQ(serve(node), "r-old");
    EXPECT_EQ(report("r-old", "b9"), State::reverted);
}

TEST_F(TransitionsTest, a_loop_of_scripts_gets_no_more_time) {
    boot_to_the_last_try();
    pass(30);
    script();
    int64_t deadline = node.deadline;
    pass(100);
    EXPECT_EQ(script(), State::reverting);
    EXPECT_EQ(node.deadline, deadline);
    EXPECT_EQ(node.boot.failures, 1U);
}

TEST_F(TransitionsTest, a_drain_comes_first) {
    rollout.policy.drain = "slurm";
    EXPECT_EQ(cue(Cue::slot), State::draining);
    EXPECT_EQ(node.drained_by, "slurm");
    EXPECT_EQ(cue(Cue::recall), State::waiting);
    EXPECT_EQ(node.drained_by, "slurm") << "until it is resumed";
    EXPECT_EQ(event({Kind::resumed}), State::waiting);
    EXPECT_EQ(node.drained_by, "");
    cue(Cue::slot);
    EXPECT_EQ(event({Kind::drained}), State::restarting);
    EXPECT_EQ(cue(Cue::recall), State::restarting) << "it cannot be recalled any more";
}

TEST_F(TransitionsTest, a_node_that_the_scheduler_does_not_give_is_asked_for_later) {
    rollout.policy.drain = "slurm";
    cue(Cue::slot);
    EXPECT_EQ(event({.kind = Kind::refused, .why = "bad dimm"}), State::waiting);
    EXPECT_EQ(node.note, "bad dimm");
    EXPECT_EQ(node.drained_by, "") << "nothing is to be given back";
    EXPECT_GT(node.deadline, now.up);
    EXPECT_EQ(cue(Cue::deadline), State::waiting);
    EXPECT_EQ(node.deadline, 0);
    EXPECT_EQ(cue(Cue::slot), State::draining);
    EXPECT_EQ(node.note, "");
    EXPECT_EQ(event({Kind::drained}), State::restarting);
    NodeState before = node;
    event({.kind = Kind::refused, .why = "late"});
    EXPECT_EQ(node, before);
}

TEST_F(TransitionsTest, a_note_says_what_keeps_a_state_from_ending) {
    rollout.policy.drain = "slurm";
    cue(Cue::slot);
    EXPECT_EQ(event({.kind = Kind::hindered, .why = "a job runs"}), State::draining);
    EXPECT_EQ(node.note, "a job runs");
    EXPECT_EQ(node.reason, "") << "nothing has failed";
    event({Kind::drained});
    EXPECT_EQ(node.note, "");
    event({.kind = Kind::hindered, .why = std::string(600, 'x')});
    EXPECT_EQ(node.note.size(), 500U);
    event({Kind::restarted});
    EXPECT_EQ(node.note, "");
    script();
    event({.kind = Kind::hindered, .why = "late"});
    EXPECT_EQ(node.note, "");
    node.state = State::committed;
    event({.kind = Kind::hindered, .why = "no slurmd"});
    EXPECT_EQ(node.note, "no slurmd");
    event({Kind::resumed});
    EXPECT_EQ(node.note, "");
}

TEST_F(TransitionsTest, a_node_whose_work_does_not_end_is_put_aside) {
    rollout.policy.drain = "slurm";
    rollout.policy.drain_deadline = 3600;
    EXPECT_EQ(cue(Cue::slot), State::draining);
    EXPECT_EQ(node.deadline, now.up + 3600);
    EXPECT_EQ(cue(Cue::deadline), State::waiting);
    EXPECT_TRUE(node.is_held);
    EXPECT_EQ(node.deadline, 0);
    EXPECT_EQ(node.reason, "its work did not end in time; rollout unhold lets it begin again");
    EXPECT_EQ(node.drained_by, "slurm") << "until the scheduler has it back";
    EXPECT_EQ(event({Kind::drained}), State::waiting) << "too late";
}

TEST_F(TransitionsTest, work_may_take_as_long_as_it_does) {
    rollout.policy.drain = "slurm";
    cue(Cue::slot);
    EXPECT_EQ(node.deadline, 0);
}

TEST_F(TransitionsTest, a_draining_node_that_restarts_begins) {
    rollout.policy.drain = "slurm";
    cue(Cue::slot);
    EXPECT_EQ(script(), State::booting);
}

TEST_F(TransitionsTest, a_waiting_node_begins_with_its_script_only_if_it_may) {
    script();
    EXPECT_EQ(serve(node), "r-old");
    pass(60);
    may_begin = true;
    EXPECT_EQ(script(), State::booting);
    EXPECT_EQ(serve(node), "r-new");
}

TEST_F(TransitionsTest, a_slot_within_20_seconds_of_a_script_is_used) {
    script();
    cue(Cue::slot);
    pass(5);
    EXPECT_EQ(script(), State::booting);
}

TEST_F(TransitionsTest, a_restart_without_firmware_begins_with_the_definition) {
    cue(Cue::slot);
    EXPECT_EQ(event({.kind = Kind::definition, .release = "r-old"}), State::restarting)
        << "of the boot before";
    EXPECT_EQ(event({.kind = Kind::definition, .release = "r-new"}), State::booting);
    EXPECT_EQ(node.tries, 1U);
    EXPECT_EQ(report("r-new", "b1"), State::up);
}

TEST_F(TransitionsTest, an_abort_leaves_alone_what_was_served) {
    EXPECT_EQ(cue(Cue::release), State::committed);
    EXPECT_EQ(serve(node), "r-old");
    node.state = State::waiting;
    boot_target();
    EXPECT_EQ(cue(Cue::release), State::booting);
}

TEST_F(TransitionsTest, the_breaker_reverts_nothing) {
    boot_to_the_last_try();
    pass(30);
    script();
    EXPECT_EQ(cue(Cue::breaker), State::waiting);
    EXPECT_FALSE(node.rejects("r-new"));
    rollout.is_broken = true;
    boot_to_the_last_try();
    pass(30);
    EXPECT_EQ(script(), State::waiting);
    EXPECT_EQ(serve(node), "r-old");
    EXPECT_FALSE(node.rejects("r-new"));
}

TEST_F(TransitionsTest, a_committed_node_turns_back) {
    boot_target();
    report("r-new", "b1");
    health("b1", true);
    pass(600);
    health("b1", true);
    EXPECT_EQ(cue(Cue::turn_back), State::waiting);
    EXPECT_EQ(serve(node), "r-old") << "from here on";
    EXPECT_TRUE(node.rejects("r-new"));
    EXPECT_EQ(report("r-old", "b0"), State::waiting) << "late: the node was served nothing since";
    EXPECT_EQ(cue(Cue::slot), State::reverting);
    pass(60);
    script();
    EXPECT_EQ(report("r-old", "b2"), State::reverted);
}

TEST_F(TransitionsTest, a_node_that_the_rollout_did_not_move_stays) {
    node.state = State::committed;
    node.committed = "r-new";
    EXPECT_EQ(cue(Cue::turn_back), State::committed);
    EXPECT_EQ(node.committed, "r-new");
}

TEST_F(TransitionsTest, reasons_have_an_end) {
    std::string endless(100'000, 'x');
    cue(Cue::slot);
    event({.kind = Kind::restart_failed, .why = endless});
    EXPECT_EQ(node.note.size(), 500U);
    script();
    report("r-other", "boot-1");
    event({.kind = Kind::restart_failed, .why = endless});
    EXPECT_EQ(node.reason, "booted another release: r-other");
    EXPECT_EQ(node.note.size(), 500U) << "beside the reason";
}

TEST(Clock, counts_only_the_time_in_which_the_head_was_up) {
    Moment clock = {.up = 100, .wall = 1000};
    EXPECT_EQ(advance(clock, 1005).up, 105);
    EXPECT_EQ(advance(clock, 1030).up, 130);
    EXPECT_EQ(advance(clock, 1031).up, 100) << "down";
    EXPECT_EQ(advance(clock, 1031).wall, 1031);
    EXPECT_EQ(advance(clock, 10).up, 100) << "set back";
    EXPECT_EQ(advance(clock, 1000).up, 100);
}

} // namespace
} // namespace mangrove::head
