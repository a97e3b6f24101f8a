#include "iscsi/session.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/log.h"
#include "iscsi/watched_session.h"
#include "system/fake/iscsi_transport.h"
#include "system/fake/network.h"
#include "system/fake/system.h"

namespace mangrove::iscsi {
namespace {

using testing::Contains;
using testing::HasSubstr;
using testing::Not;

class SessionTest : public testing::Test {
  protected:
    SessionTest() {
        system_.use(transport_);
        network_.listen(*IpAddress::parse("192.0.2.10"), 3260);
        network_.listen(*IpAddress::parse("192.0.2.11"), 3260);
        network_.add_host("storage.example",
                          {*IpAddress::parse("2001:db8::1"), *IpAddress::parse("192.0.2.10")});
        wanted_.target = transport_.target.name;
        wanted_.portals = {{"192.0.2.10", 3260}};
        wanted_.initiator = "iqn.2026-11.org.mangrove:node";
    }
    void require_chap() {
        transport_.target.username = "node";
        transport_.target.password = "secret-of-the-node";
        wanted_.chap = ChapSecrets{"node", "secret-of-the-node", "", ""};
    }
    std::string refusal() {
        Result<Session> session = log_in(system_, wanted_);
        if (session) return "no error";
        EXPECT_EQ(transport_.session_count(), 0U);
        is_transient_ = session.error().is_transient();
        return session.error().what;
    }
    std::string parameter(IscsiParameter parameter) const { return transport_.parameters().at(parameter); }

    Transcript transcript_;
    FakeSystem system_{transcript_};
    FakeNetwork network_{system_};
    FakeIscsiTransport transport_{transcript_};
    LoginTarget wanted_;
    bool is_transient_ = false;
};

TEST_F(SessionTest, LeavesWhatAnIscsidWouldAdopt) {
    wanted_.replacement_timeout = seconds(-1);
    Result<Session> session = log_in(system_, wanted_);
    ASSERT_TRUE(session) << session.error().what;
    EXPECT_EQ(parameter(IscsiParameter::target_name), wanted_.target);
    EXPECT_EQ(parameter(IscsiParameter::initiator_name), "iqn.2026-11.org.mangrove:node");
    EXPECT_EQ(parameter(IscsiParameter::persistent_address), "192.0.2.10");
    EXPECT_EQ(parameter(IscsiParameter::persistent_port), "3260");
    EXPECT_EQ(parameter(IscsiParameter::interface_name), "default");
    EXPECT_EQ(parameter(IscsiParameter::target_portal_group), "1");
    EXPECT_EQ(parameter(IscsiParameter::recovery_timeout), "-1");
    EXPECT_EQ(parameter(IscsiParameter::ping_interval), "5");
    EXPECT_EQ(parameter(IscsiParameter::ping_timeout), "5");
    EXPECT_FALSE(transport_.parameters().contains(IscsiParameter::password));
}

TEST_F(SessionTest, TellsTheKernelWhatWasAgreed) {
    wanted_.header_digest = Digest::crc32c;
    ASSERT_TRUE(log_in(system_, wanted_));
    EXPECT_EQ(parameter(IscsiParameter::header_digest), "1");
    EXPECT_EQ(parameter(IscsiParameter::data_digest), "0");
    EXPECT_EQ(parameter(IscsiParameter::max_transmit_data_segment), "65536");
    EXPECT_EQ(parameter(IscsiParameter::max_burst), "262144");
    EXPECT_EQ(parameter(IscsiParameter::first_burst), "65536");
    EXPECT_EQ(parameter(IscsiParameter::initial_r2t), "0");
    EXPECT_EQ(parameter(IscsiParameter::expected_status_number), "1");
}

TEST_F(SessionTest, RoundsTheNumberOfCommandsDown) {
    wanted_.max_commands = 100;
    wanted_.queue_depth = 7;
    ASSERT_TRUE(log_in(system_, wanted_));
    EXPECT_THAT(transcript_.lines(), Contains("creating an iSCSI session, 64 commands, depth 7"));
}

TEST_F(SessionTest, LogsOutWithAGoodbye) {
    Result<Session> session = log_in(system_, wanted_);
    ASSERT_TRUE(session);
    EXPECT_TRUE(log_out(system_, *session));
    EXPECT_EQ(transport_.session_count(), 0U);
}

TEST_F(SessionTest, LogsOutOfATargetThatIsGone) {
    Result<Session> session = log_in(system_, wanted_);
    ASSERT_TRUE(session);
    IscsiEvent closed;
    closed.kind = IscsiEvent::Kind::connection_error;
    closed.connection = session->connection;
    closed.error = 1020;
    transport_.add_event(closed);
    EXPECT_TRUE(log_out(system_, *session));
    EXPECT_EQ(transport_.session_count(), 0U);
}

TEST_F(SessionTest, LogsInAgainWithTheSameSession) {
    Result<Session> session = log_in(system_, wanted_);
    ASSERT_TRUE(session);
    wanted_.portals = {{"storage.example", 3260}};
    network_.stop_listening(*IpAddress::parse("192.0.2.10"), 3260);
    Result<> away = log_in_again(system_, wanted_, *session);
    ASSERT_FALSE(away);
    EXPECT_THAT(away.error().what, HasSubstr("192.0.2.10:3260: "));

    // It has moved: the name has another address now.
    network_.add_host("storage.example", {*IpAddress::parse("192.0.2.11")});
    ASSERT_TRUE(log_in_again(system_, wanted_, *session));
    EXPECT_EQ(session->connected_to.to_text(), "192.0.2.11:3260");
    EXPECT_EQ(transport_.session_count(), 1U);
    EXPECT_EQ(session->number.id, 1U);
}

TEST_F(SessionTest, TriesALoginThatBrokeOffAnew) {
    Result<Session> session = log_in(system_, wanted_);
    ASSERT_TRUE(session);
    transport_.target.status = 0x0301;
    EXPECT_FALSE(log_in_again(system_, wanted_, *session));
    transport_.target.status.reset();
    ASSERT_TRUE(log_in_again(system_, wanted_, *session));
    EXPECT_THAT(transcript_.lines(), Contains("stopping the connection of the iSCSI session 1").Times(2));
}

struct WatchedSessionTest : SessionTest {
    WatchedSessionTest() {
        Result<Session> session = log_in(system_, wanted_);
        if (session) connection_ = session->connection;
        if (session) watched_ = watch_session(wanted_, *session);
        set_state("LOGGED_IN");
    }
    void set_state(const std::string& state) {
        system_.add_file("/sys/class/iscsi_session/session1/state", state + "\n");
    }
    void tell(uint8_t async_event, uint16_t time_to_wait) {
        Bytes header(48);
        header[0] = 0x32;
        header[36] = async_event;
        header[41] = static_cast<uint8_t>(time_to_wait);
        IscsiEvent event;
        event.kind = IscsiEvent::Kind::pdu_received;
        event.connection = connection_;
        event.header = header;
        transport_.add_event(event);
    }
    std::string loss() {
        auto lost = watched_->wait_for_loss(system_, system_.now() + seconds(10));
        return lost ? lost->value_or("none") : lost.error().what;
    }

    IscsiConnectionId connection_;
    std::shared_ptr<WatchedConnection> watched_;
};

TEST_F(WatchedSessionTest, HearsOfALossByTheEventOrByTheState) {
    EXPECT_EQ(loss(), "none");
    transport_.add_event({IscsiEvent::Kind::connection_error, connection_, 1022, {}, {}});
    EXPECT_THAT(loss(), HasSubstr("(1022)"));
    set_state("FAILED");
    EXPECT_EQ(loss(), "the session is FAILED");
    system_.remove("/sys/class/iscsi_session/session1/state");
    EXPECT_THAT(loss(), HasSubstr("/sys/class/iscsi_session/session1/state"));
}

TEST_F(WatchedSessionTest, ReconnectsAndForgetsWhatWasSaidBefore) {
    transport_.add_event({IscsiEvent::Kind::connection_error, connection_, 1020, {}, {}});
    EXPECT_THAT(loss(), HasSubstr("(1020)"));
    ASSERT_TRUE(watched_->reconnect(system_));
    transport_.add_event({IscsiEvent::Kind::other, connection_, 0, {}, {}});
    EXPECT_EQ(loss(), "none");
}

/// A target that lets everybody in and answers each command with the same, after a unit attention.
struct FakeLun {
    std::string shown;
    uint8_t command = 0; ///< the last one

    Bytes answer(ByteView heard) {
        constexpr uint8_t kLogin = 0x43, kCommand = 0x01;
        if (heard.size() < 48 || (heard[0] != kLogin && heard[0] != kCommand)) return {};
        Bytes said(48);
        if (heard[0] == kLogin) {
            said[0] = 0x23;
            said[1] = 0x87;
            said[15] = 1;
            return said;
        }
        EXPECT_EQ(heard[9], 1) << "the LUN";
        command = heard[32];
        bool is_first = heard[27] == 0;
        said[0] = is_first ? 0x21 : 0x25;
        said[1] = is_first ? 0x80 : 0x81;
        said[3] = is_first ? 2 : 0;
        if (is_first) return said;
        said[7] = static_cast<uint8_t>(shown.size());
        said.insert(said.end(), shown.begin(), shown.end());
        said.resize((said.size() + 3) / 4 * 4);
        return said;
    }
};

struct UnitTest : WatchedSessionTest {
    UnitTest() {
        network_.listen(*IpAddress::parse("192.0.2.10"), 3260,
                        [this](ByteView heard) { return lun.answer(heard); });
        system_.add_file(kDisk + "/block/sda/ro", "0\n");
    }
    std::string reconnect() {
        Result<> reconnected = watched_->reconnect(system_);
        return reconnected ? "reconnected" : reconnected.error().what;
    }
    static std::string page(unsigned last) {
        return std::string({0, '\x83', 0, 5, 1, 3, 0, 1, static_cast<char>(last)});
    }

    const std::string kDisk = "/sys/class/iscsi_session/session1/device/target2:0:0/2:0:0:1";
    FakeLun lun;
};

TEST_F(UnitTest, ThatIsAnotherDiskIsRefused) {
    system_.add_file(kDisk + "/vpd_pg83", page(0xaa));
    EXPECT_EQ(loss(), "none");
    lun.shown = page(0xbb);
    EXPECT_THAT(reconnect(),
                HasSubstr("the LUN is a different disk now: its identity is bb, not aa; serve the "
                          "original disk or restart the machine"));
    EXPECT_EQ(lun.command, 0x12);
    EXPECT_THAT(transcript_.lines(), Not(Contains("stopping the connection of the iSCSI session 1")));
    lun.shown = page(0xaa);
    EXPECT_EQ(reconnect(), "reconnected");
    lun.shown = "no page";
    EXPECT_EQ(reconnect(), "reconnected") << "a target that does not tell is believed";
}

TEST_F(UnitTest, ThatNobodyWritesToIsKnownByItsData) {
    system_.add_file(kDisk + "/vpd_pg83", page(0xaa));
    system_.add_file(kDisk + "/block/sda/ro", "1\n");
    system_.add_file("/proc/1/root/dev/sda", "page");
    EXPECT_EQ(loss(), "none");
    lun.shown = "PAGE";
    EXPECT_THAT(reconnect(), HasSubstr("the LUN is a different disk now: its first block differs"));
    EXPECT_EQ(lun.command, 0x28);
    lun.shown = "page";
    EXPECT_EQ(reconnect(), "reconnected");
}

TEST_F(WatchedSessionTest, SuspectsAnotherMachineOfItsName) {
    std::vector<std::string> log;
    set_log_sink([&](LogLevel, std::string_view line) { log.emplace_back(line); });
    for (int logins = 0; logins < 3; ++logins, system_.advance(seconds(31)))
        ASSERT_TRUE(watched_->reconnect(system_));
    EXPECT_THAT(log, Not(Contains(HasSubstr("initiator name"))));
    for (int logins = 0; logins < 10; ++logins, system_.advance(seconds(2)))
        ASSERT_TRUE(watched_->reconnect(system_));
    set_log_sink({});
    EXPECT_THAT(log, Contains(HasSubstr("another machine may have the same initiator name "
                                        "iqn.2026-11.org.mangrove:node; give each its own 'initiator'"))
                         .Times(1));
}

TEST_F(WatchedSessionTest, LeavesATargetThatAsksForItAndWaitsForOneThatDropsIt) {
    tell(0, 0);
    EXPECT_EQ(loss(), "none");
    tell(1, 0);
    EXPECT_EQ(loss(), "the target asked for a logout");
    ASSERT_TRUE(watched_->reconnect(system_));
    tell(2, 7);
    EXPECT_EQ(loss(), "none");
    Time begin = system_.now();
    ASSERT_TRUE(watched_->reconnect(system_));
    EXPECT_GE(system_.now() - begin, seconds(7));
}

TEST_F(WatchedSessionTest, GivesPrecedenceToAnIscsidOfTheHost) {
    auto is_precedent = [&](const std::string& state, const std::string& uid, const std::string& ids) {
        system_.add_file("/proc/77/comm", "iscsid\n");
        system_.add_file("/proc/77/status", "Name:\tiscsid\nState:\t" + state + "\nUid:\t" + uid
                                                + "\t0\t0\t0\nNSpid:\t" + ids + "\nThreads:\t1\n");
        return watched_->managed_elsewhere(system_);
    };
    EXPECT_FALSE(watched_->managed_elsewhere(system_));
    EXPECT_TRUE(is_precedent("S (sleeping)", "0", "77"));
    EXPECT_FALSE(is_precedent("S (sleeping)", "1000", "77")) << "anybody can call a program so";
    EXPECT_FALSE(is_precedent("S (sleeping)", "0", "77\t5")) << "in a container";
    EXPECT_FALSE(is_precedent("Z (zombie)", "0", "77"));
}

TEST_F(WatchedSessionTest, IsGivenUpWithoutAWordToTheTarget) {
    EXPECT_TRUE(watched_->give_up(system_));
    EXPECT_EQ(transport_.session_count(), 0U);
    EXPECT_THAT(transcript_.lines(), Not(Contains("sending a PDU of the iSCSI session 1").Times(3)));
}

TEST_F(SessionTest, ProvesItselfWithSha256) {
    require_chap();
    ASSERT_TRUE(log_in(system_, wanted_));
    EXPECT_THAT(transport_.received_keys(), Contains("CHAP_A=7,5").Times(1));
    EXPECT_EQ(parameter(IscsiParameter::username), "node");
    EXPECT_EQ(parameter(IscsiParameter::password), "secret-of-the-node");
}

TEST_F(SessionTest, FallsBackToMd5) {
    require_chap();
    transport_.target.takes_sha256_for_sha1 = true;
    ASSERT_TRUE(log_in(system_, wanted_));
    EXPECT_THAT(transport_.received_keys(), Contains("CHAP_A=5").Times(1));
    EXPECT_EQ(transport_.session_count(), 1U);
}

TEST_F(SessionTest, LogsInAgainWhereEachRefusalEndsTheConnection) {
    require_chap();
    transport_.target.takes_sha256_for_sha1 = true;
    Result<Session> session = log_in(system_, wanted_);
    ASSERT_TRUE(session);
    transport_.target.status = 0x0301;
    EXPECT_FALSE(log_in_again(system_, wanted_, *session));
    transport_.target.status.reset();
    transport_.target.redirects = {"192.0.2.10:3260"};
    EXPECT_TRUE(log_in_again(system_, wanted_, *session));
    EXPECT_THAT(transport_.received_keys(), Contains("CHAP_A=5").Times(2));
}

TEST_F(SessionTest, StaysWithTheAlgorithmOfTheFirstLogin) {
    require_chap();
    Result<Session> session = log_in(system_, wanted_);
    ASSERT_TRUE(session);
    transport_.target.takes_sha256_for_sha1 = true;
    EXPECT_FALSE(log_in_again(system_, wanted_, *session));
    transport_.target.takes_sha256_for_sha1 = false;
    EXPECT_TRUE(log_in_again(system_, wanted_, *session));
    EXPECT_THAT(transport_.received_keys(), Contains("CHAP_A=7").Times(2));
    EXPECT_THAT(transport_.received_keys(), Not(Contains("CHAP_A=5")));
}

TEST_F(SessionTest, KnowsAMutualTarget) {
    require_chap();
    transport_.target.username_in = wanted_.chap->username_in = "target";
    transport_.target.password_in = wanted_.chap->password_in = "secret-of-target";
    ASSERT_TRUE(log_in(system_, wanted_));
    EXPECT_EQ(parameter(IscsiParameter::username_in), "target");
    EXPECT_EQ(parameter(IscsiParameter::password_in), "secret-of-target");

    transport_.target.password_in = "a secret of somebody else";
    Result<Session> session = log_in(system_, wanted_);
    ASSERT_FALSE(session);
    EXPECT_THAT(session.error().what, HasSubstr("the target failed mutual CHAP"));
    EXPECT_EQ(transport_.session_count(), 1U);
}

TEST_F(SessionTest, SaysWhyTheTargetRefused) {
    require_chap();
    wanted_.chap->password = "wrong-password";
    EXPECT_EQ(refusal(),
              "logging in to iqn.2026-11.org.example:image at 192.0.2.10:3260: authentication failed "
              "(0201)");
    EXPECT_FALSE(is_transient_);
    wanted_.target = "iqn.2026-11.org.example:other";
    EXPECT_EQ(refusal(),
              "logging in to iqn.2026-11.org.example:other at 192.0.2.10:3260: target not found (0203)");
    EXPECT_FALSE(is_transient_);
    transport_.target.status = 0x0301;
    EXPECT_THAT(refusal(), HasSubstr("target unavailable (0301)"));
    EXPECT_TRUE(is_transient_);
}

TEST_F(SessionTest, NoticesATargetThatClosesOrKeepsSilent) {
    require_chap();
    for (unsigned pdu : {0U, 1U, 2U, 3U}) {
        transport_.target.closes_at = pdu;
        EXPECT_THAT(refusal(), HasSubstr("the target closed the connection (1020)"));
        EXPECT_TRUE(is_transient_);
        transport_.target.closes_at.reset();
        transport_.target.is_silent_at = pdu;
        EXPECT_THAT(refusal(), HasSubstr("timed out waiting for the target"));
        EXPECT_TRUE(is_transient_);
        transport_.target.is_silent_at.reset();
    }
}

TEST_F(SessionTest, BoundsTheLoginOfATargetThatDrips) {
    transport_.target.never_ends = true;
    transport_.when_waiting = [this](Deadline deadline) {
        system_.advance(seconds(14));
        return system_.now() <= deadline;
    };
    Time start = system_.now();
    EXPECT_THAT(refusal(), HasSubstr("timed out waiting for the target"));
    EXPECT_TRUE(is_transient_);
    EXPECT_LE(system_.now() - start, seconds(75));
}

TEST_F(SessionTest, IgnoresWhatComesForOtherSessions) {
    IscsiEvent other;
    other.kind = IscsiEvent::Kind::connection_error;
    other.connection = {17, 0};
    transport_.add_event(other);
    other.kind = IscsiEvent::Kind::other;
    other.connection = {1, 0};
    transport_.add_event(other);
    EXPECT_TRUE(log_in(system_, wanted_));
}

TEST_F(SessionTest, FollowsRedirectsAndRemembersWhereItBegan) {
    transport_.target.redirects = {"192.0.2.11:3260,1"};
    Result<Session> session = log_in(system_, wanted_);
    ASSERT_TRUE(session) << session.error().what;
    EXPECT_EQ(session->connected_to.to_text(), "192.0.2.11:3260");
    EXPECT_EQ(session->portal.to_text(), "192.0.2.10:3260");
    EXPECT_EQ(parameter(IscsiParameter::persistent_address), "192.0.2.10");
    EXPECT_EQ(transport_.session_count(), 1U);
}

TEST_F(SessionTest, FollowsAsManyRedirectsAsItMust) {
    transport_.target.redirects = std::vector<std::string>(5, "192.0.2.11");
    EXPECT_TRUE(log_in(system_, wanted_));
}

TEST_F(SessionTest, GivesUpOnEndlessRedirects) {
    transport_.target.endless_redirect = "192.0.2.11:3260";
    EXPECT_EQ(refusal(), "logging in to iqn.2026-11.org.example:image at 192.0.2.10:3260, redirected to "
                         "192.0.2.11:3260: more than 5 redirects, the last to 192.0.2.11:3260");
    EXPECT_FALSE(is_transient_);
}

TEST_F(SessionTest, TriesEveryAddressOfEveryPortal) {
    wanted_.portals = {{"192.0.2.1", 3260}, {"storage.example", 3260}};
    Result<Session> session = log_in(system_, wanted_);
    ASSERT_TRUE(session) << session.error().what;
    EXPECT_EQ(session->portal.to_text(), "192.0.2.10:3260");

    network_.stop_listening(*IpAddress::parse("192.0.2.10"), 3260);
    session = log_in(system_, wanted_);
    ASSERT_FALSE(session);
    EXPECT_TRUE(session.error().is_transient());
    for (std::string_view portal : {"at 192.0.2.1:3260: ", "at [2001:db8::1]:3260: ", "at 192.0.2.10:3260: "})
        EXPECT_THAT(session.error().what, HasSubstr(portal));
}

TEST_F(SessionTest, TakesADefiniteRefusalForMoreThanADeadAddress) {
    wanted_.portals = {{"192.0.2.1", 3260}, {"192.0.2.10", 3260}};
    wanted_.target = "iqn.2026-11.org.example:other";
    EXPECT_THAT(refusal(), testing::EndsWith("target not found (0203)"));
    EXPECT_FALSE(is_transient_);
}

TEST_F(SessionTest, TakesASystemCallThatFailedForNoRefusal) {
    wanted_.portals = {{"192.0.2.10", 3260}, {"192.0.2.1", 3260}};
    transcript_.fail_at(0);
    EXPECT_THAT(refusal(), HasSubstr("Input/output error; logging in to"));
    EXPECT_TRUE(is_transient_);
}

TEST_F(SessionTest, WaitsForADeadAddressRatherThanForAnUnknownName) {
    wanted_.portals = {{"unknown.example", 3260}, {"192.0.2.1", 3260}};
    EXPECT_THAT(refusal(), HasSubstr("unknown.example"));
    EXPECT_TRUE(is_transient_);
}

TEST_F(SessionTest, WantsAPortal) {
    wanted_.portals.clear();
    EXPECT_EQ(refusal(), "no portal given");
    EXPECT_FALSE(is_transient_);
}

TEST_F(SessionTest, LeavesNothingBehindWhereverItFails) {
    require_chap();
    transport_.target.username_in = wanted_.chap->username_in = "target";
    transport_.target.password_in = wanted_.chap->password_in = "secret-of-target";
    ASSERT_TRUE(log_in(system_, wanted_));
    size_t steps = transcript_.lines().size();
    for (size_t step = 0; step < steps; ++step) {
        Transcript transcript;
        transcript.fail_at(step);
        FakeSystem system(transcript);
        FakeNetwork network(system);
        network.listen(*IpAddress::parse("192.0.2.10"), 3260);
        FakeIscsiTransport transport(transcript);
        transport.target = transport_.target;
        system.use(transport);
        Result<Session> session = log_in(system, wanted_);
        ASSERT_FALSE(session) << transcript.lines()[step];
        EXPECT_THAT(session.error().what, HasSubstr(transcript.lines()[step]));
        EXPECT_THAT(session.error().what, Not(HasSubstr("secret")));
        EXPECT_EQ(transport.session_count(), 0U) << transcript.lines()[step];
    }
}

} // namespace
} // namespace mangrove::iscsi
