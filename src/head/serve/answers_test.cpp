#include <fstream>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "head/host/testing/full_tree.h"
#include "head/serve/answers.h"

namespace mangrove::head {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;

class AnswersTest : public testing::Test {
  protected:
    AnswersTest() {
        table_.nodes["n1"] = {.name = "n1",
                              .macs = {"52:54:00:00:00:01"},
                              .addresses = {"192.0.2.1", "fd00::1"},
                              .script = "#!ipxe\nboot n1\n",
                              .definition = "{\"name\":\"n1\"}",
                              .files = {"aaaa", "bbbb"},
                              .live = "bbbb"};
        table_.nodes["n2"] = {
            .name = "n2", .macs = {"52:54:00:00:00:02"}, .addresses = {}, .problem = "no image; ${x}"};
        table_.nodes["open"] = {
            .name = "open", .macs = {}, .addresses = {}, .trust = Trust::open, .definition = "{}"};
        table_.names = {{"52:54:00:00:00:01", "n1"}, {"52:54:00:00:00:02", "n2"}};
        table_.blobs = {{"cccc", "/boot/vmlinuz"}};
        table_.tars = {{"aaaa", "/files/aaaa.tar"}, {"bbbb", "/files/bbbb.tar"}};
    }

    Answer ask(Asked asked) { return answers().answer(table_, asked, now_); }
    /// A request of n1's /init.
    Answer ask_as_node(const std::string& target) {
        return ask({.target = target, .address = "192.0.2.1", .port = 700, .is_tls = true});
    }
    NodeAnswers& answers() {
        if (!answers_)
            answers_.emplace(
                settings_, [&](Discovered machine) { seen_.push_back(std::move(machine)); },
                [&](const std::string& node, const std::string& report) { reports_ += node + report; });
        return *answers_;
    }

    Settings settings_ = {.addresses = {"192.0.2.9"}, .leases = {}};
    BootTable table_;
    Admission::Time now_ = Admission::Time() + 1000s;
    std::vector<Discovered> seen_;
    std::string reports_;
    std::optional<NodeAnswers> answers_;
};

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
    posted.target = "/n/definition?node=n1";
    EXPECT_EQ(ask(posted).status, 405u);
    EXPECT_EQ(ask({.method = "DELETE", .target = "/boot.ipxe"}).status, 405u);
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
