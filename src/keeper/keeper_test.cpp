#include "keeper/keeper.h"

#include <cerrno>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <queue>

#include "base/log.h"
#include "keeper/keep.h"
#include "keeper/shutdown.h"
#include "keeper/state_file.h"
#include "machine/run_files.h"
#include "system/fake/system.h"

namespace mangrove {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

constexpr const char* kState = "/run/mangrove/keeper/0.json";

/// Is lost at once, as often as there are answers left, and then connected for good.
struct FakeConnection : WatchedConnection {
    explicit FakeConnection(FakeSystem& fake_system) : system(fake_system) {}

    std::string name() const override { return "disk"; }
    Result<> be_patient(System&) override {
        is_patient = true;
        return {};
    }
    Result<std::optional<std::string>> wait_for_loss(System&, Deadline deadline) override {
        if (is_hidden()) return system_error(ENOENT, "reading the state");
        if (!answers.empty()) return "the line was cut";
        rests_since = rests_since.value_or(system.now());
        system.sleep(std::chrono::ceil<milliseconds>(deadline - system.now()));
        return std::nullopt;
    }
    bool managed_elsewhere(System&) override { return looks_at_an_iscsid-- > 0; }
    Result<> reconnect(System&) override {
        system.advance(milliseconds(100));
        Result<> answer = answers.front();
        if (answers.size() > 1 || !is_lost_for_ever) answers.pop();
        return answer;
    }
    Result<> give_up(System&) override {
        was_given_up = true;
        had_written_out = std::ranges::count(system.transcript().lines(), "writing out") > 0;
        return {};
    }

    FakeSystem& system;
    std::queue<Result<>> answers;
    std::function<bool()> is_hidden = [] { return false; };
    std::optional<Time> rests_since; ///< there are no answers left
    bool is_lost_for_ever = false;
    int looks_at_an_iscsid = 0;
    bool was_given_up = false;
    bool had_written_out = false;
    bool is_patient = false;
};

struct KeeperTest : testing::Test {
    KeeperTest() {
        system.add_directory(kKeeperDirectory);
        set_log_sink([this](LogLevel, std::string_view line) { log.emplace_back(line); });
    }
    ~KeeperTest() override { set_log_sink({}); }
    /// Keeps it for an hour. How long it took until it was connected for good.
    Clock::duration keep_for_an_hour() {
        Time begin = system.now();
        keep(system, *connection, kState, begin + std::chrono::hours(1));
        return connection->rests_since.value_or(Time::max()) - begin;
    }
    std::string state() const { return system.file(kState).value_or(""); }

    Transcript transcript;
    FakeSystem system{transcript};
    std::shared_ptr<FakeConnection> connection = std::make_shared<FakeConnection>(system);
    std::vector<std::string> log;
};

TEST_F(KeeperTest, TriesUntilTheConnectionIsBackAndSaysSoOnce) {
    for (int tries = 0; tries < 20; ++tries)
        connection->answers.push(transient_error("refused"));
    connection->answers.push({});
    keep_for_an_hour();
    EXPECT_THAT(log,
                ElementsAre("the disk is lost: the line was cut; reconnecting",
                            "the disk is lost: refused; reconnecting", HasSubstr("the disk is back after ")));
    EXPECT_THAT(state(), HasSubstr(R"("state":"connected","losses":1,"tries":21)"));
}

TEST_F(KeeperTest, WaitsLongerAfterEachTryButNeverLong) {
    for (int tries = 0; tries < 10; ++tries)
        connection->answers.push(transient_error("refused"));
    connection->answers.push({});
    auto duration = keep_for_an_hour();
    EXPECT_GT(duration, seconds(20));
    EXPECT_LT(duration, seconds(80));
}

TEST_F(KeeperTest, WaitsForAConnectionThatDoesNotHold) {
    for (int logins = 0; logins < 20; ++logins)
        connection->answers.push({});
    EXPECT_GT(keep_for_an_hour(), seconds(60)) << "two nodes of one name would not come to rest";
}

TEST_F(KeeperTest, LeavesItToAnIscsid) {
    connection->answers.push({});
    connection->looks_at_an_iscsid = 3;
    // It died, and the connection was still lost.
    EXPECT_GE(keep_for_an_hour(), seconds(30));
    EXPECT_THAT(state(), HasSubstr(R"("state":"connected","losses":1,"tries":1)"));
}

TEST_F(KeeperTest, NeverEndsForAConnectionThatItDoesNotSee) {
    Time hidden_from = system.now() + seconds(100);
    connection->is_hidden = [&] { return system.now() >= hidden_from; };
    keep_for_an_hour();
    EXPECT_THAT(log, ElementsAre("UNPROTECTED: the keeper cannot see the disk: reading the state: No such "
                                 "file or directory; a lost connection will not be restored"));
    EXPECT_THAT(state(), HasSubstr(R"("state":"not seen")"));
    EXPECT_THAT(state(), HasSubstr(R"("reason":"reading the state: No such file or directory")"));
    connection->is_hidden = [] { return false; };
    keep_for_an_hour();
    EXPECT_THAT(state(), HasSubstr(R"("state":"connected")"));
    EXPECT_THAT(state(), testing::Not(HasSubstr("reason")));
}

TEST_F(KeeperTest, SaysNothingOfALookThatFailsOnce) {
    int looks = 0;
    connection->is_hidden = [&] { return ++looks == 5; };
    keep_for_an_hour();
    EXPECT_THAT(log, ElementsAre());
    EXPECT_THAT(state(), HasSubstr(R"("state":"connected")"));
}

TEST_F(KeeperTest, TellsEachTimeThatItSeesTheConnection) {
    keep_for_an_hour();
    EXPECT_THAT(state(), HasSubstr(R"("since":3600,"seen":7200)"));
}

struct ShutdownTest : KeeperTest {
    ShutdownTest() {
        system.add_disk("/proc/1/root/dev/sda", {});
        system.add_directory("/proc/1/root/run/mangrove/layers/mount0");
        system.add_file(kRunningFifo, "");
        system.add_file(kNotPoweredOffFifo, "");
        ended_running_at = system.now() + seconds(300);
        system.after(seconds(300), [this] { system.remove(kRunningFifo); });
    }
    seconds end() {
        end_without_root(system,
                         {{"/dev/sda", "/dev/sda"}, {"192.0.2.1:/root", "/run/mangrove/layers/mount0"}},
                         {connection});
        return std::chrono::round<seconds>(system.now() - ended_running_at);
    }
    /// The directory keeps silent for some time of the shutdown.
    void be_away(seconds from, seconds to) {
        system.is_away = [this, from, to](const std::string& path) {
            Time now = system.now();
            return path.ends_with("mount0") && now >= ended_running_at + from && now < ended_running_at + to;
        };
    }
    Time ended_running_at = {};
};

TEST_F(ShutdownTest, WithoutTheRootTakesAMinute) {
    be_away(seconds(-200), seconds(3600));
    EXPECT_THAT(end().count(), testing::AllOf(testing::Ge(60), testing::Le(70)));
    EXPECT_EQ(system.ended(), MachineEnd::reboot);
    EXPECT_TRUE(connection->was_given_up);
    EXPECT_THAT(log, ElementsAre("192.0.2.1:/root has not answered for a minute (asking for "
                                 "/proc/1/root/run/mangrove/layers/mount0: Connection timed out) and the "
                                 "machine is shutting down: ending it without the root"));
    EXPECT_TRUE(connection->had_written_out);
}

TEST_F(ShutdownTest, EndsAsItWasMeantTo) {
    be_away(seconds(0), seconds(3600));
    // systemd removes the second FIFO somewhat later.
    system.after(seconds(310), [&] { system.remove(kNotPoweredOffFifo); });
    end();
    EXPECT_EQ(system.ended(), MachineEnd::poweroff);
}

TEST_F(ShutdownTest, GoesOnWithARootThatAnswersAgain) {
    be_away(seconds(100), seconds(3600));
    EXPECT_THAT(end().count(), testing::AllOf(testing::Ge(160), testing::Le(180)));
}

TEST_F(ShutdownTest, TellsNothingFromWhoNeverAnswered) {
    be_away(seconds(-300), seconds(3600));
    system.after(seconds(2000), [&] { system.remove("/proc/1/root/dev/sda"); });
    EXPECT_GT(end().count(), 1700);
    EXPECT_THAT(log, ElementsAre(HasSubstr("/dev/sda has not answered")));
}

TEST_F(ShutdownTest, CountsADiskThatWasTakenAwayAsSilent) {
    system.after(seconds(300), [&] { system.remove("/proc/1/root/dev/sda"); });
    EXPECT_THAT(end().count(), testing::AllOf(testing::Ge(50), testing::Le(70)));
    EXPECT_THAT(log, ElementsAre(HasSubstr("/dev/sda has not answered")));
}

TEST_F(ShutdownTest, ThatWasCalledOffEndsNothing) {
    be_away(seconds(-200), seconds(1000));
    system.after(seconds(350), [&] { system.add_file(kRunningFifo, ""); });
    system.after(seconds(1000), [&] { system.remove(kRunningFifo); });
    EXPECT_THAT(end().count(), testing::AllOf(testing::Ge(700 + 60), testing::Le(700 + 70)));
}

TEST_F(KeeperTest, IsAProcessForEachConnectionAndNoneForNothing) {
    ASSERT_TRUE(start_keeper(system, {}, {}, {}));
    EXPECT_TRUE(system.started_residents().empty());
    ASSERT_TRUE(start_keeper(system, {connection, connection}, {}, {{"/dev/sda", "/dev/sda"}}));
    ASSERT_EQ(system.started_residents().size(), 4U);
    EXPECT_EQ(system.started_residents()[3].name, "the reads of /dev/sda");
    EXPECT_TRUE(connection->is_patient);
    EXPECT_TRUE(system.file("/run/systemd/system/mangrove-running.socket"));

    EXPECT_EQ(system.started_residents()[2].name, "disk");
    system.add_disk("/proc/1/root/dev/sda", {});
    system.add_file(kRunningFifo, "");
    system.after(seconds(15), [&] {
        system.remove(kRunningFifo);
        system.remove("/proc/1/root/dev/sda");
    });
    system.started_residents()[0].run(system);
    EXPECT_TRUE(connection->was_given_up);
    EXPECT_EQ(system.ended(), MachineEnd::poweroff);
}

/// As the server of a block device is.
struct ServedConnection : FakeConnection {
    using FakeConnection::FakeConnection;
    bool looks_after_itself() const override { return true; }
    void look_after(System&, const Tell& tell) override {
        ServedState state = {
            .now = "lost", .reason = "away", .server = "http://a/b", .requests = 7, .hits = 3};
        tell(state);
        was_written = system.file(kState).value_or("");
        system.remove(kState);
        tell(state);
    }
    std::vector<int> descriptors() const override { return {42}; }
    std::string was_written;
};

TEST_F(KeeperTest, LeavesAConnectionToItselfThatOutlivesItsRoot) {
    auto served = std::make_shared<ServedConnection>(system);
    ASSERT_TRUE(start_keeper(system, {served}, {}, {}));
    ASSERT_EQ(system.started_residents().size(), 1U);
    const Resident& resident = system.started_residents()[0];
    EXPECT_TRUE(resident.outlives_root);
    EXPECT_THAT(resident.descriptors, ElementsAre(42));
    resident.run(system);
    for (const char* written : {R"("state":"lost")", R"("reason":"away")", R"("server":"http://a/b")",
                                R"("requests":7)", R"("hits":3)"})
        EXPECT_THAT(served->was_written, HasSubstr(written));
    EXPECT_EQ(system.file(kState), std::nullopt) << "who took it away has handed the root back";
}

TEST_F(KeeperTest, OfTheNextRootLeavesTheStatesOfTheEarlierOneAlone) {
    for (const char* path :
         {kState, "/run/mangrove/keeper/storage0.json", "/run/mangrove/keeper/storage9.json"})
        system.add_file(path, "of the earlier root");
    EXPECT_EQ(new_state_file(system, kConnectionPrefix).value(), "/run/mangrove/keeper/1.json");
    EXPECT_EQ(new_state_file(system, kReadsPrefix, 2).value(), "/run/mangrove/keeper/storage12.json");
    EXPECT_EQ(state_files(system, kReadsPrefix).value(),
              (std::vector<std::string>{"/run/mangrove/keeper/storage0.json",
                                        "/run/mangrove/keeper/storage9.json"}));
}

} // namespace
} // namespace mangrove
