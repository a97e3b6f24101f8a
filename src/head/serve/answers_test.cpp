#include <fstream>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "head/host/base64.h"
#include "head/host/testing/full_tree.h"
#include "head/serve/answers.h"
#include "head/serve/credential.h"
#include "tpm/endorsement_key.h"

namespace mangrove::head {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;
using testing::Not;

/// n1 is moved by a rollout, to r-2.
class OneMovingNode : public MovingNodes {
  public:
    std::optional<std::string> settled_release(const std::string& node) const override {
        return node == "n1" ? std::nullopt : std::optional<std::string>(settled);
    }
    void note_script(const std::string& node) override { events += node + " script;"; }
    void note_report(const std::string& node, const std::string& /*release*/,
                     const std::string& report) override {
        events += node + " report " + report + ";";
    }
    Result<std::string> on_script(const std::string& node, const IsPrepared& is_prepared) override {
        if (is_away) return transient_error("the database is away");
        if (is_prepared(served)) events += node + " boots " + served + ";";
        return served;
    }
    Result<std::string> on_definition(const std::string& node, const std::string& release) override {
        events += node + " defines " + release + ";";
        return release.empty() ? served : release;
    }
    Result<> on_report(const std::string& node, const std::string& release,
                       const std::string& report) override {
        if (is_away) return transient_error("the database is away");
        events += node + " reports " + release + report + ";";
        return {};
    }
    Result<std::string> on_health(const std::string& node, const std::string& release,
                                  const std::string& posted) override {
        if (posted == "x") return permanent_error("health: not JSON");
        events += node + " health" + release + ";";
        return release.empty() ? "" : "restart";
    }

    std::string served = "r-2";
    std::string settled; ///< of the other nodes
    std::string events;
    bool is_away = false;
};

class AnswersTest : public testing::Test {
  protected:
    AnswersTest() {
        table_.nodes["n1"] = {.name = "n1",
                              .macs = {"52:54:00:00:00:01"},
                              .addresses = {"192.0.2.1", "fd00::1"},
                              .boots = {{"",
                                         {.script = "#!ipxe\nboot n1\n",
                                          .plan = "{\"kernel\":{}}",
                                          .definition = "{\"name\":\"n1\"}",
                                          .live = "bbbb"}}},
                              .files = {"aaaa", "bbbb"}};
        table_.nodes["n2"] = {.name = "n2",
                              .macs = {"52:54:00:00:00:02"},
                              .addresses = {},
                              .boots = {{"", {.problem = "no image; ${x}"}}}};
        table_.nodes["open"] = {.name = "open",
                                .macs = {},
                                .addresses = {},
                                .trust = Trust::open,
                                .boots = {{"", {.definition = "{}"}}}};
        table_.names = {{"52:54:00:00:00:01", "n1"}, {"52:54:00:00:00:02", "n2"}};
        table_.blobs = {{"cccc", "/boot/vmlinuz"}};
        table_.tars = {{"aaaa", "/files/aaaa.tar"}, {"bbbb", "/files/bbbb.tar"}};
    }

    Answer ask(Asked asked) {
        Answer answer = answers().answer(table_, asked, now_);
        return answer.finish ? answer.finish() : answer;
    }
    /// A request of n1's /init.
    Answer ask_as_node(const std::string& target) {
        return ask({.target = target, .address = "192.0.2.1", .port = 700, .is_tls = true});
    }
    /// Sends what keys of a TPM should be from there.
    Answer post_for_definition(const std::string& body) {
        return ask({.method = "POST",
                    .target = "/n/definition?node=n1",
                    .body = body,
                    .address = "192.0.2.1",
                    .port = 700,
                    .is_tls = true});
    }
    NodeAnswers& answers() {
        if (!answers_)
            answers_.emplace(
                settings_, [&](Discovered machine) { seen_.push_back(std::move(machine)); },
                [&](const std::string& node, const std::string& report) { reports_ += node + report; },
                moving_, &profiles_);
        return *answers_;
    }

    Settings settings_ = {.addresses = {"192.0.2.9"}, .leases = {}};
    BootTable table_;
    Admission::Time now_ = Admission::Time() + 1000s;
    std::vector<Discovered> seen_;
    std::string reports_;
    Stage stage_ = make_test_directory();
    BootProfiles profiles_{stage_.path / "profiles"};
    MovingNodes* moving_ = nullptr;
    std::optional<NodeAnswers> answers_;
};

TEST_F(AnswersTest, ARunningNodeGetsTheBootOfAReleaseWhichIsNoEvent) {
    EXPECT_EQ(ask_as_node("/n/boot?node=n1").body, "{\"kernel\":{}}");
    EXPECT_EQ(ask_as_node("/n/boot?node=n1&release=r-9").status, 503u) << "not prepared";
    EXPECT_EQ(ask({.target = "/n/boot?node=n1", .address = "192.0.2.1", .port = 700}).status, 403u);
    OneMovingNode rollout;
    moving_ = &rollout;
    answers_.reset();
    table_.nodes["n1"].boots["r-2"] = {.plan = "of r-2"};
    EXPECT_EQ(ask_as_node("/n/boot?node=n1&release=r-2").body, "of r-2");
    EXPECT_EQ(rollout.events, "");
}

TEST_F(AnswersTest, AMachineGetsItsScriptByItsMac) {
    EXPECT_THAT(ask({.target = "/boot.ipxe"}).body,
                HasSubstr("chain --replace http://192.0.2.9/boot/${netX/mac:hexhyp}.ipxe"));
    EXPECT_EQ(ask({.target = "/boot/52-54-00-00-00-01.ipxe?uuid=x"}).body, "#!ipxe\nboot n1\n");
    Answer broken = ask({.target = "/boot/52-54-00-00-00-02.ipxe"});
    EXPECT_EQ(broken.status, 200u);
    EXPECT_THAT(broken.body, HasSubstr("echo Mangrove: n2 cannot boot:\necho   no image; ?{x}\n"));
    EXPECT_EQ(ask({.target = "/boot/hello.ipxe"}).status, 404u);
    EXPECT_TRUE(seen_.empty());
}

/// Returns what a node with a TPM posts; `byte` tells TPMs apart.
std::string keys_of_tpm(char byte) {
    std::string key = tpm::endorsement_template();
    // The base point of NIST P-256 (FIPS 186-4, D.1.2.3); its negative is the other TPM's.
    constexpr unsigned char kX[] = {0x6b, 0x17, 0xd1, 0xf2, 0xe1, 0x2c, 0x42, 0x47, 0xf8, 0xbc, 0xe6,
                                    0xe5, 0x63, 0xa4, 0x40, 0xf2, 0x77, 0x03, 0x7d, 0x81, 0x2d, 0xeb,
                                    0x33, 0xa0, 0xf4, 0xa1, 0x39, 0x45, 0xd8, 0x98, 0xc2, 0x96};
    constexpr unsigned char kY[] = {0x4f, 0xe3, 0x42, 0xe2, 0xfe, 0x1a, 0x7f, 0x9b, 0x8e, 0xe7, 0xeb,
                                    0x4a, 0x7c, 0x0f, 0x9e, 0x16, 0x2b, 0xce, 0x33, 0x57, 0x6b, 0x31,
                                    0x5e, 0xce, 0xcb, 0xb6, 0x40, 0x68, 0x37, 0xbf, 0x51, 0xf5};
    auto text_of = [](const unsigned char* bytes) {
        return std::string(reinterpret_cast<const char*>(bytes), 32);
    };
    key.replace(key.size() - 66, 32, text_of(kX));
    key.replace(key.size() - 32, 32, text_of(kY));
    if (byte != 'a') key.back() ^= 1;
    return text(R"({"endorsement_key":")", base64(key), R"(","named_key":"eA=="})");
}

struct TpmAnswersTest : AnswersTest {
    TpmAnswersTest() {
        ServedNode& node = table_.nodes["n1"];
        node.trust = Trust::tpm;
        node.token = "t0";
    }
    void enroll(char byte) { table_.nodes["n1"].tpm = read_tpm_keys(keys_of_tpm(byte))->tpm(); }
    Answer post_keys(char byte) { return post_for_definition(keys_of_tpm(byte)); }
    Answer ask_with(const std::string& target, const std::string& login) {
        return ask({.target = target,
                    .authorization = "Basic " + base64(login),
                    .address = "192.0.2.1",
                    .port = 700,
                    .is_tls = true});
    }
};

TEST_F(TpmAnswersTest, TheDefinitionIsForTheEnrolledTpm) {
    enroll('a');
    Answer answer = post_keys('a');
    EXPECT_EQ(answer.status, 200u) << answer.body;
    EXPECT_THAT(answer.body, HasSubstr("\"credential\""));
    EXPECT_THAT(answer.body, Not(HasSubstr("\"name\"")));
    EXPECT_TRUE(seen_.empty());
}

TEST_F(TpmAnswersTest, AnotherTpmGetsNothing) {
    enroll('a');
    Answer answer = post_keys('b');
    EXPECT_EQ(answer.status, 403u);
    EXPECT_EQ(answer.body, "the TPM of this machine is not the one that is enrolled for n1\n");
    EXPECT_EQ(ask_as_node("/n/definition?node=n1").status, 403u) << "without a TPM";
    EXPECT_EQ(post_for_definition("{}").status, 400u);
}

TEST_F(TpmAnswersTest, ATpmThatIsNotEnrolledIsNotedAndWaits) {
    Answer answer = post_keys('a');
    EXPECT_EQ(answer.status, 503u);
    EXPECT_EQ(answer.body, "the TPM of n1 is not enrolled: mangrovectl discover enroll n1\n");
    EXPECT_GT(answer.retry_after.count(), 0);
    ASSERT_EQ(seen_.size(), 1u);
    EXPECT_EQ(seen_[0].mac, "52:54:00:00:00:01");
    EXPECT_EQ(seen_[0].tpm, read_tpm_keys(keys_of_tpm('a'))->tpm());
}

TEST_F(TpmAnswersTest, FilesAreForThePassword) {
    EXPECT_EQ(ask_with("/n/files/aaaa.tar?node=n1", "n1:t0").file, "/files/aaaa.tar");
    for (const char* target : {"/n/files/aaaa.tar?node=n1", "/n/live?node=n1"}) {
        EXPECT_EQ(ask_as_node(target).status, 403u);
        EXPECT_EQ(ask_with(target, "n1:t1").status, 403u);
        EXPECT_EQ(ask_with(target, "n2:t0").status, 403u);
    }
}

TEST_F(AnswersTest, KeysOfATpmAreOfNoUseToNodesThatAreKnownByTheirAddress) {
    EXPECT_EQ(post_for_definition("{}").status, 405u);
}

TEST_F(AnswersTest, AnUnknownMachineIsNoted) {
    Answer answer = ask(
        {.target =
             "/boot/"
             "52-54-00-00-00-09.ipxe?uuid=4C4C4544-0044-4D10-8054-B7C04F565931&serial=J%20%c3%a4&product=a+b",
         .address = "192.0.2.77"});
    EXPECT_THAT(answer.body, HasSubstr("does not know this machine"));
    ASSERT_EQ(seen_.size(), 1u);
    EXPECT_EQ(seen_[0].mac, "52:54:00:00:00:09");
    EXPECT_EQ(seen_[0].uuid, "4c4c4544-0044-4d10-8054-b7c04f565931");
    ask({.target = "/boot/52-54-00-00-00-0a.ipxe?uuid=%00%01"});
    EXPECT_EQ(seen_.back().uuid, "") << "no firmware has this one";
    EXPECT_EQ(seen_[0].serial, "J ??");
    EXPECT_EQ(seen_[0].product, "a b");
    EXPECT_EQ(seen_[0].address, "192.0.2.77");
}

TEST_F(AnswersTest, ANodeGetsItsOwnThingsAlone) {
    EXPECT_EQ(ask_as_node("/n/definition?node=n1").body, "{\"name\":\"n1\"}");
    EXPECT_EQ(ask_as_node("/n/files/aaaa.tar?node=n1").file, "/files/aaaa.tar");
    EXPECT_EQ(ask_as_node("/n/live?node=n1").tag, "bbbb");
    EXPECT_EQ(ask_as_node("/n/files/cccc.tar?node=n1").status, 404u);
    EXPECT_EQ(ask_as_node("/n/definition?node=n2").body, "192.0.2.1 is not an address of n2\n");
    EXPECT_EQ(ask_as_node("/n/definition").status, 403u);
    EXPECT_EQ(ask({.target = "/n/definition?node=n1", .address = "192.0.2.1", .port = 700}).body,
              "only over https\n");
    EXPECT_EQ(
        ask({.target = "/n/definition?node=n1", .address = "192.0.2.1", .port = 1024, .is_tls = true}).body,
        "port 1024 is not below 1024: ask as root\n");
    EXPECT_EQ(ask({.target = "/n/definition?node=open", .address = "192.0.2.5", .port = 5000}).body, "{}");
    EXPECT_EQ(
        ask({.target = "/n/definition?node=n1", .address = "fd00::1", .port = 1, .is_tls = true}).status,
        200u);
}

TEST_F(AnswersTest, ALeaseMakesAnAddressTheNodes) {
    Stage stage = make_test_directory();
    std::filesystem::path leases = stage.path / "leases";
    settings_.leases = {leases};
    Asked asked{.target = "/n/definition?node=n1", .address = "192.0.2.50", .port = 700, .is_tls = true};
    EXPECT_EQ(ask(asked).status, 403u);
    std::ofstream(leases) << "0 52:54:00:00:00:01 192.0.2.50 n1 *\n";
    EXPECT_EQ(ask(asked).status, 200u);
    std::ofstream(leases) << "0 52:54:00:00:00:02 192.0.2.50 n2 *\n";
    std::filesystem::last_write_time(leases, std::filesystem::file_time_type::clock::now() + 2s);
    EXPECT_EQ(ask(asked).status, 403u) << "another machine has it by now";
}

TEST_F(AnswersTest, WhatIsKnownIsNotSentAgain) {
    EXPECT_EQ(ask({.target = "/blob/cccc"}).file, "/boot/vmlinuz");
    EXPECT_TRUE(ask({.target = "/blob/cccc"}).is_immutable);
    EXPECT_EQ(ask({.target = "/blob/cccc", .if_none_match = "W/\"x\", \"cccc\""}).status, 304u);
    EXPECT_EQ(ask({.target = "/blob/../../etc/shadow"}).status, 404u);
    EXPECT_EQ(ask({.target = "/blob/aaaa"}).status, 404u) << "files of nodes are not public";
}

TEST_F(AnswersTest, ReportsArePosted) {
    Asked posted{.method = "POST",
                 .target = "/n/report?node=n1",
                 .body = "{}",
                 .address = "192.0.2.1",
                 .port = 9,
                 .is_tls = true};
    EXPECT_EQ(ask(posted).status, 204u);
    EXPECT_EQ(reports_, "n1{}");
    posted.port = 5000;
    EXPECT_EQ(ask(posted).status, 403u);
    posted.target = "/n/live?node=n1";
    EXPECT_EQ(ask(posted).status, 405u);
    EXPECT_EQ(ask({.method = "DELETE", .target = "/boot.ipxe"}).status, 405u);
}

class MovingAnswersTest : public AnswersTest {
  protected:
    MovingAnswersTest() {
        moving_ = &nodes_;
        table_.nodes["n1"].release = "r-1";
        table_.nodes["n1"].boots = {{"r-1", {.script = "boot r-1", .definition = "1", .live = "aaaa"}},
                                    {"r-2", {.script = "boot r-2", .definition = "2", .live = "bbbb"}}};
        table_.names["52:54:00:00:00:03"] = "open";
        table_.nodes["open"].boots[""].script = "boot open";
    }
    Answer post(const std::string& target, const std::string& body) {
        return ask({.method = "POST",
                    .target = target,
                    .body = body,
                    .address = "192.0.2.1",
                    .port = 9,
                    .is_tls = true});
    }
    static constexpr const char* kScript = "/boot/52-54-00-00-00-01.ipxe";

    OneMovingNode nodes_;
};

TEST_F(MovingAnswersTest, ANodeGetsTheReleaseThatWasRecorded) {
    EXPECT_EQ(ask({.target = kScript}).body, "boot r-2");
    EXPECT_EQ(nodes_.events, "n1 boots r-2;");
    EXPECT_EQ(ask({.method = "HEAD", .target = kScript}).body, "boot r-1")
        << "nothing is recorded for a look";
    nodes_.is_away = true;
    EXPECT_EQ(ask({.target = kScript}).body, "boot r-1") << "what it is committed to";
    EXPECT_EQ(ask({.target = "/boot/52-54-00-00-00-03.ipxe"}).body, "boot open");
    EXPECT_EQ(nodes_.events, "n1 boots r-2;open script;");
}

TEST_F(MovingAnswersTest, AReleaseThatIsNotPreparedIsWaitedFor) {
    nodes_.served = "r-3";
    Answer answer = ask({.target = kScript});
    EXPECT_EQ(answer.status, 503u);
    EXPECT_GT(answer.retry_after, 0s);
    EXPECT_EQ(nodes_.events, "");
    table_.nodes["n1"].boots["r-3"].problem = "files base: broken";
    EXPECT_THAT(ask({.target = kScript}).body, HasSubstr("n1 cannot boot:"));
}

TEST_F(MovingAnswersTest, ABootKeepsToItsRelease) {
    EXPECT_EQ(ask_as_node("/n/definition?node=n1&release=r-1").body, "1");
    EXPECT_EQ(ask_as_node("/n/definition?node=n1").body, "2") << "a URL without one";
    EXPECT_EQ(ask_as_node("/n/definition?node=n1&release=r-9").status, 503u);
    EXPECT_EQ(nodes_.events, "n1 defines r-1;n1 defines ;n1 defines r-9;");
    EXPECT_EQ(ask_as_node("/n/live?node=n1&release=r-2").tag, "bbbb");
    EXPECT_EQ(ask_as_node("/n/live?node=n1").tag, "aaaa");
}

TEST_F(MovingAnswersTest, WhatIsPostedIsRecordedFirst) {
    EXPECT_EQ(post("/n/report?node=n1&release=r-2", "{}").status, 204u);
    EXPECT_EQ(post("/n/health?node=n1", "{}").status, 204u);
    EXPECT_EQ(post("/n/health?node=n1&release=r-2", "{}").body, "restart\n");
    EXPECT_EQ(nodes_.events, "n1 reports r-2{};n1 health;n1 healthr-2;");
    EXPECT_EQ(post("/n/health?node=n1", "x").status, 400u);
    nodes_.is_away = true;
    EXPECT_EQ(post("/n/report?node=n1", "{}").status, 503u) << "the node posts it again";
    EXPECT_EQ(ask_as_node("/n/health?node=n1").status, 405u);
    EXPECT_EQ(post("/n/health?node=open", "x").status, 204u) << "no rollout asks for it";
    nodes_.settled = "r-1";
    EXPECT_EQ(post("/n/health?node=open&release=r-1", "x").body, "committed\n");
    EXPECT_EQ(post("/n/health?node=open&release=r-2", "x").status, 204u) << "which it is not committed to";
    EXPECT_EQ(reports_, "n1{}n1{}");
}

TEST_F(AnswersTest, TheProfileOfANodeIsTakenFromIt) {
    auto post = [&](const std::string& address, const std::string& body) {
        return ask({.method = "POST",
                    .target = "/n/profile?node=n1",
                    .body = body,
                    .address = address,
                    .port = 700,
                    .is_tls = true})
            .status;
    };
    constexpr const char* kProfile = R"({"version":1,"files":[]})";
    EXPECT_EQ(post("192.0.2.7", kProfile), 403u);
    EXPECT_EQ(post("192.0.2.1", "x"), 400u);
    EXPECT_FALSE(profiles_.of_node("n1"));
    EXPECT_EQ(post("192.0.2.1", kProfile), 204u);
    EXPECT_TRUE(profiles_.of_node("n1"));
    EXPECT_EQ(ask_as_node("/n/profile?node=n1").status, 405u);
}

TEST_F(AnswersTest, ANodeRecordsAProfileWhenItIsAskedTo) {
    table_.nodes["n1"].boots[""].script =
        "#!ipxe\nkernel http://h/k a=b || goto failed\nboot || goto failed\n";
    table_.nodes["n1"].boots[""].plan = R"({"arguments":["a=b"]})";
    ASSERT_TRUE(profiles_.request("n1"));
    EXPECT_EQ(ask({.target = "/boot/52-54-00-00-00-01.ipxe"}).body,
              "#!ipxe\nkernel http://h/k a=b mangrove.profile=record || goto failed\nboot || goto failed\n");
    EXPECT_EQ(ask_as_node("/n/boot?node=n1").body, R"({"arguments":["a=b","mangrove.profile=record"]})");
    ASSERT_TRUE(profiles_.keep("n1", R"({"version":1,"files":[]})"));
    EXPECT_EQ(ask({.target = "/boot/52-54-00-00-00-01.ipxe"}).body,
              "#!ipxe\nkernel http://h/k a=b || goto failed\nboot || goto failed\n");
}

TEST_F(AnswersTest, NodesWaitWhereManyStart) {
    settings_.nodes_per_second = 1;
    settings_.burst = 1;
    table_.names["52:54:00:00:00:03"] = "open";
    EXPECT_EQ(ask({.target = "/boot/52-54-00-00-00-01.ipxe"}).status, 200u);
    Answer busy = ask({.target = "/boot/52-54-00-00-00-03.ipxe"});
    EXPECT_EQ(busy.status, 503u);
    EXPECT_GT(busy.retry_after, 0s);
    EXPECT_EQ(answers().deferred(), 1u);
    EXPECT_EQ(ask({.target = "/boot/52-54-00-00-00-02.ipxe"}).status, 200u)
        << "one that cannot boot takes no place";
    now_ += busy.retry_after;
    EXPECT_EQ(ask({.target = "/boot/52-54-00-00-00-03.ipxe"}).status, 200u);
}

TEST_F(AnswersTest, NodesWaitUntilTheDatabaseCanBeRead) {
    table_ = {};
    table_.is_prepared = false;
    EXPECT_EQ(ask({.target = "/boot.ipxe"}).status, 200u);
    Answer answer = ask({.target = "/boot/52-54-00-00-00-01.ipxe"});
    EXPECT_EQ(answer.status, 503u);
    EXPECT_EQ(answer.retry_after, settings_.screen);
    EXPECT_EQ(ask_as_node("/n/definition?node=n1").status, 503u);
    EXPECT_TRUE(seen_.empty()) << "it may be a node";
}

} // namespace
} // namespace mangrove::head
