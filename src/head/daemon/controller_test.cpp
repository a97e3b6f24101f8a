#include "head/daemon/controller.h"

#include <chrono>
#include <fstream>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sqlite3.h>
#include <thread>

#include "base/log.h"
#include "head/host/testing/full_tree.h"
#include "head/nodes/testing/etcd_server.h"
#include "head/rollout/operate.h"

namespace mangrove::head {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;

class ControllerTest : public testing::Test {
  protected:
    ControllerTest() {
        set_log_sink([](LogLevel, std::string_view) {});
        EXPECT_TRUE(database_);
        restart();
    }

    /// As after a crash.
    void restart() {
        controller_ = std::make_unique<Controller>(file_);
        EXPECT_TRUE(controller_->step());
    }
    void start_rollout(Policy policy, const std::string& release = "r-1") {
        Records records = *load_records(*database_);
        policy.soak = 0;
        Member member{.node = "n1", .has_bmc = policy.restart == "power"};
        Result<RolloutStep> step = head::start_rollout(
            records, {.release = release, .nodes = {member}, .policy = std::move(policy)}, records.clock);
        ASSERT_TRUE(step) << describe(step.error());
        ASSERT_TRUE(database_->commit(writes_of(*step)));
        ASSERT_TRUE(controller_->step());
    }
    std::string script() {
        return controller_->on_script("n1", [](const std::string&) { return true; }).value_or("(error)");
    }
    Result<> report(const std::string& release, const std::string& boot, bool is_fallback = false) {
        return controller_->on_report("n1", "",
                                      text(R"({"release":")", release, R"(","boot_id":")", boot,
                                           R"(","fallback":)", is_fallback ? "true" : "false", "}"));
    }
    Result<std::string> health(const std::string& boot, const std::string& system = "running") {
        return controller_->on_health("n1", "r-1",
                                      text(R"({"boot_id":")", boot, R"(","system":")", system, "\"}"));
    }
    NodeState state() { return *load_records(*database_)->find("n1"); }
    State wait_for_action() {
        for (int i = 0; i < 1000 && !state().is_acted; ++i) {
            std::this_thread::sleep_for(10ms);
            EXPECT_TRUE(controller_->step());
        }
        return state().state;
    }

    Stage stage_ = make_test_directory();
    std::string file_ = (stage_.path / "nodes.db").native();
    std::unique_ptr<Database> database_ = open_database(file_).value_or(nullptr);
    std::unique_ptr<Controller> controller_;
};

TEST_F(ControllerTest, ANodeWithoutARolloutIsAnsweredAtOnce) {
    EXPECT_EQ(controller_->settled_release("n1"), "");
    controller_->note_script("n1");
    EXPECT_TRUE(controller_->step());
    EXPECT_FALSE(load_records(*database_)->find("n1"));
}

TEST_F(ControllerTest, AHealthyNodeIsCommitted) {
    start_rollout({});
    EXPECT_EQ(controller_->settled_release("n1"), std::nullopt);
    EXPECT_EQ(state().state, State::waiting);
    EXPECT_EQ(script(), "r-1");
    EXPECT_EQ(state().state, State::booting);
    ASSERT_TRUE(report("r-1", "b1"));
    ASSERT_TRUE(health("b1", "degraded"));
    EXPECT_EQ(state().state, State::up);
    ASSERT_TRUE(health("b1"));
    EXPECT_EQ(state().state, State::soaking);
    EXPECT_EQ(health("b1").value_or("(error)"), "committed");
    EXPECT_EQ(state().state, State::committed);
    EXPECT_EQ(
        controller_->on_health("n1", "r-0", R"({"boot_id":"b1","system":"running"})").value_or("(error)"), "")
        << "a boot of another release";
    ASSERT_TRUE(controller_->step());
    EXPECT_EQ(controller_->settled_release("n1"), "r-1");
}

TEST_F(ControllerTest, EachStepOutlivesTheHeadNode) {
    start_rollout({});
    restart();
    EXPECT_EQ(script(), "r-1");
    restart();
    EXPECT_EQ(script(), "r-1") << "the same boot";
    EXPECT_EQ(state().tries, 1u);
    ASSERT_TRUE(report("r-1", "b1"));
    restart();
    ASSERT_TRUE(health("b1"));
    restart();
    ASSERT_TRUE(health("b1"));
    restart();
    EXPECT_EQ(controller_->settled_release("n1"), "r-1");
}

TEST_F(ControllerTest, ANodeThatBootsSomethingElseIsBroughtBack) {
    start_rollout({.tries = 1});
    EXPECT_EQ(script(), "r-1");
    ASSERT_TRUE(report("r-1", "b1", true));
    EXPECT_EQ(state().state, State::reverting);
    EXPECT_EQ(script(), "") << "what it had before";
    ASSERT_TRUE(report("", "b2"));
    EXPECT_EQ(state().state, State::reverted);
    EXPECT_THAT(state().rejected, testing::ElementsAre("r-1"));
    ASSERT_TRUE(controller_->step());
    EXPECT_EQ(script(), "");
}

TEST_F(ControllerTest, ANodeThatGoesBackRestartsItself) {
    start_rollout({.tries = 2});
    EXPECT_EQ(script(), "r-1");
    ASSERT_TRUE(report("r-1", "b1"));
    EXPECT_EQ(health("b1", "degraded").value_or("(error)"), "");
    NodeState node = state();
    node.deadline = 1;
    ASSERT_TRUE(database_->commit(writes_of({.nodes = {node}})));
    ASSERT_TRUE(controller_->step());
    EXPECT_EQ(state().state, State::restarting) << "a try is left";
    EXPECT_EQ(health("b0", "degraded").value_or("(error)"), "") << "an earlier boot";
    EXPECT_EQ(health("b1", "degraded").value_or("(error)"), "restart");
    EXPECT_EQ(script(), "r-1");
    EXPECT_EQ(health("b1", "degraded").value_or("(error)"), "") << "the boot that has ended";
}

TEST_F(ControllerTest, ANodeThatOthersRestartIsLeftAloneForAWhile) {
    start_rollout({.tries = 1, .restart = "command:/bin/false"});
    EXPECT_EQ(script(), "r-1");
    ASSERT_TRUE(report("r-1", "b1"));
    NodeState node = state();
    node.deadline = 1;
    ASSERT_TRUE(database_->commit(writes_of({.nodes = {node}})));
    ASSERT_TRUE(controller_->step());
    EXPECT_EQ(state().state, State::reverting);
    EXPECT_EQ(health("b1", "degraded").value_or("(error)"), "");
    node = state();
    node.since -= 120;
    ASSERT_TRUE(database_->commit(writes_of({.nodes = {node}})));
    ASSERT_TRUE(controller_->step());
    EXPECT_EQ(health("b1", "degraded").value_or("(error)"), "restart");
}

TEST_F(ControllerTest, SaysWhyABootFailed) {
    start_rollout({.tries = 1});
    EXPECT_EQ(script(), "r-1");
    ASSERT_TRUE(controller_->on_report("n1", "r-1", R"({"boot_id":"b1","failure":"no such LUN\n while x"})"));
    EXPECT_EQ(state().state, State::booting) << "a boot that failed has not come up";
    NodeState node = state();
    node.boot.at = 0; // else the scripts are of one boot
    ASSERT_TRUE(database_->commit(writes_of({.nodes = {node}})));
    ASSERT_TRUE(controller_->step());
    EXPECT_EQ(script(), "");
    EXPECT_THAT(state().reason, HasSubstr("restarted before it was committed: no such LUN"));
}

TEST_F(ControllerTest, WordsOfNodesAreShownAsText) {
    start_rollout({});
    EXPECT_EQ(script(), "r-1");
    ASSERT_TRUE(report("r-1", text("b1", std::string(100'000, 'x'))));
    EXPECT_EQ(state().boots.back().size(), 64u);
    std::string boot = state().boots.back();
    ASSERT_TRUE(controller_->on_health(
        "n1", "r-1",
        text(R"({"boot_id":")", boot, R"(","system":"running","problems":["\u001b[2Jgone\nmore"]})")));
    EXPECT_EQ(state().reason, "unhealthy:  [2Jgone");
    EXPECT_FALSE(controller_->on_health("n1", "r-1", "{}"));
}

TEST_F(ControllerTest, AnotherWriterIsNotOverwritten) {
    start_rollout({});
    NodeState node = state();
    node.is_held = true;
    ASSERT_TRUE(database_->commit(writes_of({.nodes = {node}})));
    EXPECT_EQ(script(), "") << "it is held by now";
    EXPECT_EQ(state().state, State::waiting);
}

TEST_F(ControllerTest, AReleaseThatIsNotPreparedIsNotRecorded) {
    start_rollout({});
    EXPECT_EQ(*controller_->on_script("n1", [](const std::string& release) { return release.empty(); }),
              "r-1");
    EXPECT_EQ(state().state, State::waiting);
}

TEST_F(ControllerTest, RestartsNodesByACommand) {
    std::filesystem::path driver = stage_.path / "restart";
    std::ofstream(driver) << "#!/bin/sh\necho \"$1 $MANGROVE_ROLLOUT\" >>" << (stage_.path / "said").native()
                          << "\n";
    std::filesystem::permissions(driver, std::filesystem::perms::owner_all);
    start_rollout({.restart = "command:" + driver.native()});
    EXPECT_EQ(wait_for_action(), State::restarting);
    std::string said;
    std::getline(std::ifstream(stage_.path / "said"), said);
    EXPECT_EQ(said, "n1 1");
    EXPECT_EQ(script(), "r-1");
}

TEST_F(ControllerTest, RestartsNodesByTheirBmcs) {
    std::filesystem::path powerman = stage_.path / "powerman";
    std::ofstream(powerman) << "#!/bin/sh\nshift 2\necho \"$*\" >>" << (stage_.path / "said").native()
                            << "\n[ $1 = -c ] || echo 'on: n1'\n";
    std::filesystem::permissions(powerman, std::filesystem::perms::owner_all);
    ::setenv("PATH", (stage_.path.native() + ":" + ::getenv("PATH")).c_str(), 1);
    ASSERT_TRUE(database_->commit({{"node/n1", R"({"bmc":{"kind":"powerman","address":"pm"}})"}}));
    start_rollout({.restart = "power"});
    EXPECT_EQ(wait_for_action(), State::restarting);
    std::ifstream said(stage_.path / "said");
    EXPECT_EQ(std::string(std::istreambuf_iterator<char>(said), {}), "-q n1\n-c n1\n");
    restart();
    EXPECT_EQ(script(), "r-1");
}

TEST_F(ControllerTest, ABmcThatFailsSaysWhy) {
    ASSERT_TRUE(database_->commit({{"node/n1", "{}"}}));
    start_rollout({.restart = "power"});
    for (int i = 0; i < 1000 && state().note.empty(); ++i) {
        std::this_thread::sleep_for(10ms);
        EXPECT_TRUE(controller_->step());
    }
    EXPECT_EQ(state().note, "the restart failed: no BMC; set bmc.address and bmc.kind");
}

TEST_F(ControllerTest, ADriverThatFailsSaysWhy) {
    start_rollout({.restart = "command:/bin/false"});
    for (int i = 0; i < 1000 && state().note.empty(); ++i) {
        std::this_thread::sleep_for(10ms);
        EXPECT_TRUE(controller_->step());
    }
    EXPECT_THAT(state().note, HasSubstr("the restart failed: timeout failed with exit code 1"));
    EXPECT_EQ(state().state, State::restarting);
}

TEST_F(ControllerTest, BootsAfterARolloutAreNoted) {
    start_rollout({.needs_health = false});
    EXPECT_EQ(script(), "r-1");
    ASSERT_TRUE(report("r-1", "b1"));
    for (int i = 0; i < 3; ++i)
        ASSERT_TRUE(controller_->step());
    ASSERT_EQ(controller_->settled_release("n1"), "r-1");
    controller_->note_script("n1");
    controller_->note_report("n1", "r-1", R"({"boot_id":"b2"})");
    ASSERT_TRUE(controller_->step());
    EXPECT_EQ(state().boots.back(), "b2");
}

TEST_F(ControllerTest, AReportOfAnEarlierBootChangesNothing) {
    start_rollout({.tries = 3});
    EXPECT_EQ(script(), "r-1");
    ASSERT_TRUE(report("r-1", "b1"));
    ASSERT_TRUE(health("b1"));
    NodeState before = state();
    ASSERT_TRUE(report("r-1", "b1")) << "once more";
    ASSERT_TRUE(report("r-0", "b0")) << "hours late";
    ASSERT_TRUE(health("b0", "maintenance"));
    EXPECT_EQ(state(), before);
}

TEST_F(ControllerTest, WhileTheDatabaseIsLockedNodesBootWhatTheyHad) {
    start_rollout({});
    sqlite3* other = nullptr;
    ASSERT_EQ(sqlite3_open(file_.c_str(), &other), SQLITE_OK);
    ASSERT_EQ(sqlite3_exec(other, "BEGIN IMMEDIATE", nullptr, nullptr, nullptr), SQLITE_OK);
    EXPECT_EQ(script(), "");
    sqlite3_close(other);
    EXPECT_EQ(state().state, State::waiting);
    EXPECT_EQ(script(), "r-1");
    EXPECT_EQ(state().state, State::booting);
}

TEST(ControllerWithEtcd, WhileTheDatabaseIsAwayNodesBootWhatTheyHad) {
    if (!EtcdServer::is_installed()) GTEST_SKIP() << "needs etcd-server";
    set_log_sink([](LogLevel, std::string_view) {});
    EtcdServer server;
    std::string url = server.url("away");
    std::unique_ptr<Database> database = open_database(url).value();
    ASSERT_TRUE(database->commit(
        writes_of(start_rollout({}, {.release = "r-1", .nodes = {{.node = "n1"}}}, {}).value())));
    Controller controller(url);
    ASSERT_TRUE(controller.step());
    auto script = [&] {
        return controller.on_script("n1", [](const std::string&) { return true; }).value_or("(error)");
    };
    server.kill();
    EXPECT_EQ(script(), "");
    EXPECT_FALSE(controller.step());
    EXPECT_EQ(controller.settled_release("n1"), std::nullopt);
    server.restart();
    EXPECT_EQ(script(), "r-1");
    ASSERT_TRUE(controller.step());
    auto state = [&] { return load_records(*database)->find("n1")->state; };
    EXPECT_EQ(state(), State::booting);
    auto report = [&] { return controller.on_report("n1", "", R"({"release":"r-1","boot_id":"b1"})"); };
    server.kill();
    EXPECT_FALSE(report()) << "the node posts it again";
    server.restart();
    EXPECT_TRUE(report());
    EXPECT_EQ(state(), State::up);
}

} // namespace
} // namespace mangrove::head
