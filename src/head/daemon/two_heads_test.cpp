/// Two head nodes with one database, of each kind, that give slots at the same moment.

#include <cerrno>
#include <gtest/gtest.h>
#include <thread>

#include "base/log.h"
#include "head/daemon/controller.h"
#include "head/nodes/testing/etcd_server.h"
#include "head/rollout/operate.h"

namespace mangrove::head {
namespace {

class TwoHeadsTest : public testing::TestWithParam<std::string> {
  protected:
    void SetUp() override {
        set_log_sink([](LogLevel, std::string_view) {});
        bool is_etcd = GetParam() == "etcd";
        if (is_etcd && !EtcdServer::is_installed()) GTEST_SKIP() << "needs etcd-server";
        where_ = is_etcd ? EtcdServer::shared().url(stage_.path.filename().native())
                         : (stage_.path / "nodes.db").native();
        database_ = open_database(where_).value();
        RolloutRequest request{.release = "r-1", .policy = {.max = {.number = kMost, .is_percent = false}}};
        for (size_t i = 0; i < kNodes; ++i)
            request.nodes.push_back({.node = text("n", i)});
        ASSERT_TRUE(database_->commit(writes_of(start_rollout({}, std::move(request), {}).value())));
        ASSERT_TRUE(one_ = open_head());
        ASSERT_TRUE(other_ = open_head());
        ASSERT_EQ(count_taken(), 0u);
    }

    std::unique_ptr<Controller> open_head() const {
        auto head = std::make_unique<Controller>(where_);
        return head->step() ? std::move(head) : nullptr;
    }
    static std::string script(Controller& head, const std::string& node) {
        return head.on_script(node, [](const std::string&) { return true; }).value_or("(error)");
    }
    size_t count_taken() {
        size_t taken = 0;
        for (const auto& [name, node] : load_records(*database_)->nodes)
            taken += holds_slot(node.state) ? 1 : 0;
        return taken;
    }

    static constexpr size_t kNodes = 24;
    static constexpr size_t kMost = 3;
    Stage stage_ = make_test_directory();
    std::string where_;
    std::unique_ptr<Database> database_;
    std::unique_ptr<Controller> one_;
    std::unique_ptr<Controller> other_;
};

INSTANTIATE_TEST_SUITE_P(All, TwoHeadsTest, testing::Values("sqlite", "etcd"),
                         [](const auto& tested) { return tested.param; });

TEST_P(TwoHeadsTest, SeeTheSlotsOfEachOther) {
    EXPECT_EQ(script(*one_, "n0"), "r-1");
    EXPECT_EQ(script(*other_, "n1"), "r-1");
    EXPECT_EQ(script(*one_, "n2"), "r-1");
    EXPECT_EQ(script(*other_, "n3"), "");
    EXPECT_EQ(count_taken(), kMost);
}

TEST_P(TwoHeadsTest, SlotsThatAreGivenAtOnceConflict) {
    Records one = load_records(*database_).value();
    Records other = load_records(*database_).value();
    auto begin = [&](Records& records, const std::string& node) {
        return commit(*database_, records,
                      {.nodes = {on_event(records, node, {NodeEvent::Kind::script}, records.clock)}});
    };
    EXPECT_TRUE(begin(one, "n0"));
    EXPECT_TRUE(begin(one, "n1"));
    Result<> late = begin(other, "n2");
    ASSERT_FALSE(late) << "it does not know of the others";
    EXPECT_EQ(late.error().code, ESTALE);
    for (const Change& change : *database_->watch("", 0, std::chrono::milliseconds(0)))
        ASSERT_TRUE(take_in(other, change));
    EXPECT_EQ(other.nodes, one.nodes);
    EXPECT_EQ(other.rollouts, one.rollouts);
    EXPECT_EQ(other.slots, one.slots);
    EXPECT_TRUE(begin(other, "n2"));
    EXPECT_EQ(count_taken(), kMost);
}

TEST_P(TwoHeadsTest, NeverGiveMoreThanThereAre) {
    auto boot_all = [](Controller& head, size_t first) {
        for (size_t i = first; i < kNodes; i += 2)
            (void)script(head, text("n", i));
    };
    std::thread nodes_of_one(boot_all, std::ref(*one_), 0);
    std::thread nodes_of_other(boot_all, std::ref(*other_), 1);
    nodes_of_one.join();
    nodes_of_other.join();
    EXPECT_EQ(count_taken(), kMost);
}

TEST_P(TwoHeadsTest, ANodeThatTellsAnotherHeadGoesOn) {
    EXPECT_EQ(script(*one_, "n0"), "r-1");
    EXPECT_TRUE(other_->on_report("n0", "r-1", R"({"boot_id":"b1","release":"r-1"})"));
    EXPECT_EQ(load_records(*database_)->find("n0")->state, State::up);
    EXPECT_TRUE(one_->on_health("n0", "r-1", R"({"boot_id":"b1","system":"running"})"));
    EXPECT_EQ(load_records(*database_)->find("n0")->state, State::soaking);
}

} // namespace
} // namespace mangrove::head
