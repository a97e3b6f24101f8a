/// Nodes that are removed, renamed and brought back under rollouts.

#include "head/rollout/node_changes.h"

#include <gtest/gtest.h>

#include "head/host/testing/full_tree.h"
#include "head/rollout/operate.h"
#include "head/rollout/release.h"
#include "head/rollout/tick.h"

namespace mangrove::head {
namespace {

class NodeChangesTest : public ::testing::Test {
  protected:
    NodeChangesTest() {
        release_ = make_release(*database_, {.publication = "debian.iscsi"}).value();
        change([](const Inventory&) {
            Edits edits;
            for (const char* name : {"n1", "n2", "n3"}) {
                Object node{.noun = "node", .name = name};
                cJSON* macs = cJSON_AddArrayToObject(node.fields.get(), "macs");
                cJSON_AddItemToArray(
                    macs,
                    cJSON_CreateString(text("52:54:00:00:00:0", std::string_view(name).substr(1)).c_str()));
                edits.emplace(node.key(), std::move(node));
            }
            return edits;
        });
        Records records = load();
        RolloutStep begun = start_rollout(records,
                                          {.release = release_.id,
                                           .nodes = {{"n1"}, {"n2"}, {"n3"}},
                                           .canaries = {"n2"},
                                           .policy = {.soak = 0, .needs_health = false}},
                                          {})
                                .value();
        EXPECT_TRUE(commit(*database_, records, begun));
        EXPECT_TRUE(commit(*database_, records, tick(records, {})));
    }

    Records load() { return load_records(*database_).value(); }
    NodeState node(const std::string& name) {
        Records records = load();
        const NodeState* found = records.find(name);
        return found ? *found : NodeState{};
    }
    void send(const std::string& name, const NodeEvent& event) {
        Records records = load();
        EXPECT_TRUE(commit(*database_, records, {.nodes = {on_event(records, name, event, {.up = 5})}}));
    }
    void commit_node(const std::string& name) {
        send(name, {NodeEvent::Kind::script});
        send(name, {.kind = NodeEvent::Kind::report, .release = release_.id, .boot_id = name});
        Records records = load();
        EXPECT_TRUE(commit(*database_, records, tick(records, {.up = 6})));
        EXPECT_EQ(node(name).committed, release_.id);
    }
    std::string change(const std::function<Edits(const Inventory&)>& edit, uint64_t undoes = 0) {
        Result<ChangePlan> plan = plan_changes(*database_, [&](const Inventory& now) -> Result<Edits> {
            return undoes == 0 ? edit(now) : TRY(undo_event(*database_, now, undoes));
        });
        EXPECT_TRUE(plan) << describe(plan.error());
        plan->undoes = undoes;
        Result<uint64_t> event = commit_plan(*database_, std::move(*plan), {"root", "test"}, follow_nodes);
        if (event) last_event_ = *event;
        return event ? "" : describe(event.error());
    }
    std::string remove(const std::string& name) {
        return change([&](const Inventory&) {
            Edits edits;
            edits.emplace("node/" + name, std::nullopt);
            return edits;
        });
    }
    std::string rename(const std::string& name, const std::string& other) {
        return change([&](const Inventory& now) { return std::move(rename_node(now, name, other)->edits); });
    }
    std::string undo(uint64_t event) { return change({}, event); }

    Stage stage_ = make_test_directory();
    std::unique_ptr<Database> database_ = open_sqlite_database(stage_.path / "nodes.db").value();
    Release release_;
    uint64_t last_event_ = 0;
};

TEST_F(NodeChangesTest, ANodeThatIsRemovedLeavesItsRollout) {
    EXPECT_EQ(remove("n2"), "");
    Rollout rollout = load().rollouts.at("1");
    EXPECT_EQ(rollout.canaries, 0U);
    EXPECT_EQ(rollout.nodes, (std::vector<Member>{{"n1"}, {"n3"}}));
    EXPECT_FALSE(load().find("n2"));
}

TEST_F(NodeChangesTest, ANodeThatIsRenamedKeepsItsRelease) {
    commit_node("n2");
    EXPECT_EQ(rename("n2", "m2"), "");
    EXPECT_FALSE(load().find("n2"));
    EXPECT_EQ(node("m2").committed, release_.id);
    EXPECT_EQ(load().rollouts.at("1").nodes, (std::vector<Member>{{"m2"}, {"n1"}, {"n3"}}));
    EXPECT_EQ(load().rollouts.at("1").canaries, 1U);
    EXPECT_EQ(undo(last_event_), "");
    EXPECT_EQ(node("n2").committed, release_.id);
    EXPECT_FALSE(load().find("m2"));
}

TEST_F(NodeChangesTest, ANodeThatWaitsCanBeRenamed) {
    EXPECT_EQ(rename("n1", "m1"), "");
    EXPECT_EQ(node("m1").state, State::waiting);
}

TEST_F(NodeChangesTest, ANodeUnderWayKeepsItsName) {
    send("n2", {NodeEvent::Kind::script});
    EXPECT_EQ(rename("n2", "m2"), "node n2: booting in the rollout 1, to which it tells under this name how "
                                  "it goes; rename it later");
    EXPECT_EQ(node("n2").state, State::booting);
    EXPECT_TRUE(Inventory::load(*database_)->find("node", "n2"));
}

TEST_F(NodeChangesTest, UndoOfARemovalBringsTheReleaseBack) {
    commit_node("n2");
    EXPECT_EQ(remove("n2"), "");
    uint64_t first = last_event_;
    EXPECT_EQ(undo(first), "");
    NodeState back = node("n2");
    EXPECT_EQ(back.state, State::committed);
    EXPECT_EQ(back.committed, release_.id);
    EXPECT_EQ(back.rollout, "");
    EXPECT_TRUE(database_->list("removed/")->empty());
    EXPECT_EQ(undo(last_event_), "") << "it is removed again";
    EXPECT_FALSE(load().find("n2"));
    EXPECT_EQ(undo(last_event_), "");
    EXPECT_EQ(node("n2").committed, release_.id);
}

TEST_F(NodeChangesTest, ANewNodeOfTheSameNameHasNoRelease) {
    commit_node("n2");
    EXPECT_EQ(remove("n2"), "");
    EXPECT_EQ(change([](const Inventory&) {
                  Edits edits;
                  edits.emplace("node/n2", Object{.noun = "node", .name = "n2"});
                  return edits;
              }),
              "");
    EXPECT_FALSE(load().find("n2"));
}

TEST_F(NodeChangesTest, AReleaseThatIsGoneDoesNotComeBack) {
    commit_node("n2");
    EXPECT_EQ(remove("n2"), "");
    ASSERT_TRUE(database_->commit({{release_.key(), std::nullopt}}));
    EXPECT_EQ(undo(last_event_), "");
    EXPECT_FALSE(load().find("n2"));
}

} // namespace
} // namespace mangrove::head
