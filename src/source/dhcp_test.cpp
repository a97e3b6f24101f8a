#include <fstream>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/log.h"
#include "definition/encoding.h"
#include "net/dhcp6_test_messages.h"
#include "source/testing/search.h"

namespace mangrove {
namespace {

using testing::HasSubstr;

Bytes to_bytes(std::string_view characters) {
    return Bytes(characters.begin(), characters.end());
}

/// A machine with two cards, and a server on each that says what `options` say.
struct DhcpSource : SearchTest {
    DhcpSource() {
        network.add_card("eth0", kTestMac);
        network.add_card("eth1", MacAddress{{2, 0, 0, 0, 0, 1}});
        set_log_sink([this](LogLevel, std::string_view line) { log += std::string(line) + "\n"; });
    }
    ~DhcpSource() override {
        set_log_sink([](LogLevel, std::string_view) {});
    }

    void serve(const std::string& link, DhcpOptions options) {
        network.serve_dhcp(link,
                           [options](ByteView question) { return answer_as_server(question, options); });
    }
    Result<Found> find(std::string_view arguments = "") {
        command_line = KernelCommandLine::parse(arguments);
        return find_definition(search, "dhcp");
    }

    std::string log;
};

TEST_F(DhcpSource, TakesTheDefinitionFromItsOption) {
    serve("eth0", {{224, to_bytes(R"({"name":"a"})")}, {17, to_bytes("nfs:head:/root")}});
    Result<Found> found = find();
    ASSERT_TRUE(found) << describe(found.error());
    EXPECT_EQ(found->text, R"({"name":"a"})");
    EXPECT_EQ(found->origin, "option 224 of the DHCP server 192.0.2.1");
    EXPECT_EQ(found->readers, "everybody on the network");
    ASSERT_TRUE(search.boot.network);
    EXPECT_EQ(search.boot.network->first().link.name, "eth0");
}

TEST_F(DhcpSource, TakesOneOfAnyLengthAndWithATerminator) {
    std::string text = R"({"name":")" + std::string(900, 'x') + R"("})";
    serve("eth0", {{224, to_bytes(text + '\0')}});
    Result<Found> found = find();
    ASSERT_TRUE(found) << describe(found.error());
    EXPECT_EQ(found->text, text);
}

TEST_F(DhcpSource, FollowsASource) {
    serve("eth0", {{224, to_bytes(*definition::encode("{}"))}});
    Result<Found> found = find();
    ASSERT_TRUE(found) << describe(found.error());
    EXPECT_EQ(found->text, "{}");
    EXPECT_EQ(found->origin, "option 224 of the DHCP server 192.0.2.1");
}

TEST_F(DhcpSource, TheNumberOfTheOptionCanBeSet) {
    serve("eth0", {{224, to_bytes("nonsense")}, {230, to_bytes("{}")}});
    Result<Found> found = find("mangrove.dhcp_option=230");
    ASSERT_TRUE(found) << describe(found.error());
    EXPECT_EQ(found->origin, "option 230 of the DHCP server 192.0.2.1");
    for (std::string_view wrong : {"17", "255", "x", ""}) {
        Result<Found> refused = find(text("mangrove.dhcp_option=", wrong));
        ASSERT_FALSE(refused);
        EXPECT_EQ(refused.error().what,
                  text("mangrove.dhcp_option=", wrong, ": not a number from 128 to 254"));
    }
}

TEST_F(DhcpSource, TakesARootPathInstead) {
    serve("eth0", {{224, {}}, {17, to_bytes("nfs:head:/srv/%s")}, {12, to_bytes("node7")}});
    Result<Found> found = find();
    ASSERT_TRUE(found) << describe(found.error());
    EXPECT_THAT(found->text, HasSubstr(R"("host":"head","path":"/srv/node7","ro":true)"));
    EXPECT_EQ(found->origin, "option 17 (root-path) of the DHCP server 192.0.2.1");
    EXPECT_EQ(log, "option 224 of the DHCP server 192.0.2.1 is empty, ignoring\n");
}

TEST_F(DhcpSource, RefusesWhatIsNoDefinition) {
    serve("eth0", {{224, to_bytes("htpp://head/node.json")}});
    EXPECT_EQ(describe(find().error()), "unknown definition source 'htpp:'; did you mean 'http:'?\n"
                                        "  while following option 224 of the DHCP server 192.0.2.1");
}

TEST_F(DhcpSource, RefusesAUrlOf64Kilobytes) {
    serve("eth0", {{224, to_bytes("http://head/" + std::string(65536, 'x'))}});
    Result<Found> found = find();
    ASSERT_FALSE(found);
    EXPECT_EQ(found.error().what, "URL too long: 65548 characters, expected at most 8000");
    EXPECT_LT(describe(found.error()).size(), 400u) << "it is not shown in full";
}

TEST_F(DhcpSource, RefusesWhatIsNoRootPath) {
    serve("eth0", {{17, to_bytes("iscsi:a:secret:b:secret:c@head::::iqn.2003-01.org.example:a")}});
    EXPECT_EQ(describe(find().error()), "expected USER:PASSWORD or USER:PASSWORD:USER:PASSWORD before the @\n"
                                        "  while reading option 17 (root-path) of the DHCP server 192.0.2.1");
}

TEST_F(DhcpSource, SaysWhoSentNothing) {
    serve("eth0", {});
    Result<Found> found = find();
    ASSERT_FALSE(found);
    EXPECT_FALSE(found.error().is_transient());
    EXPECT_EQ(found.error().what,
              "no definition from DHCP: the server 192.0.2.1 on eth0 sends neither option "
              "224 nor option 17 (root-path)");
}

TEST_F(DhcpSource, SaysThatNobodyWasAsked) {
    EXPECT_EQ(find("ip=192.0.2.7::192.0.2.1:24::eth0:none").error().what,
              "no definition from DHCP: eth0 was not configured by DHCP");
}

TEST_F(DhcpSource, AServerThatSaysMoreIsPreferredToAFasterOne) {
    serve("eth0", {{3, {192, 0, 2, 1}}});
    network.serve_dhcp(
        "eth1",
        [](ByteView question) {
            return answer_as_server(question, {{224, to_bytes("{}")}});
        },
        milliseconds(1500));
    Result<Found> found = find();
    ASSERT_TRUE(found) << describe(found.error());
    EXPECT_EQ(search.boot.network->first().link.name, "eth1");
    EXPECT_EQ(network.link("eth0").state, LinkState::down);
}

TEST_F(DhcpSource, NobodyWaitsForMoreWhenTheDefinitionIsElsewhere) {
    serve("eth0", {});
    Time begin = system.now();
    command_line = KernelCommandLine::parse("mangrove.definition=http://head/x");
    ASSERT_TRUE(need_network(search));
    EXPECT_LT(system.now() - begin, seconds(1));
}

TEST_F(DhcpSource, TakesTheBootFileUrlOfDhcp6) {
    FakeDownloads downloads{transcript};
    system.use(downloads);
    downloads.serve("http://[2001:db8::1]/52:54:00:12:34:56.json", {.body = R"({"name":"a"})"});
    network.serve_dhcp6("eth0", [](ByteView question) {
        return answer_as_dhcp6_server(
            question, {{dhcp6_option::kBootFileUrl, to_bytes("http://[2001:db8::1]/{mac}.json")}});
    });
    Result<Found> found = find("ip=eth0:dhcp6");
    ASSERT_TRUE(found) << describe(found.error());
    EXPECT_EQ(found->text, R"({"name":"a"})");
    EXPECT_EQ(found->origin, "http://[2001:db8::1]/52:54:00:12:34:56.json");
    EXPECT_EQ(search.boot.network->first().addresses.front().to_text(), "2001:db8::10/128");
}

TEST_F(DhcpSource, SaysThatTheDhcp6ServerSendsNothing) {
    network.serve_dhcp6("eth0", [](ByteView question) { return answer_as_dhcp6_server(question); });
    EXPECT_EQ(find("ip=eth0:dhcp6").error().what,
              "no definition from DHCP: the DHCPv6 server on eth0 sends no option 59 (boot-file URL)");
}

TEST_F(DhcpSource, NoAnswerCanPass) {
    Result<Found> found = find();
    ASSERT_FALSE(found);
    EXPECT_TRUE(found.error().is_transient());
    EXPECT_THAT(found.error().what, HasSubstr("no DHCP lease after"));
}

std::string read_page(const std::string& path) {
    std::ifstream file(SOURCE_DIRECTORY "/" + path);
    return std::string(std::istreambuf_iterator<char>(file), {});
}

/// A block that names a file of a case is that file, so what the page shows is what was booted.
TEST(DhcpPage, ShowsTheFilesOfTheCases) {
    std::vector<std::string> parts = split(read_page("docs/dhcp.md"), '`');
    size_t shown = 0;
    for (const std::string& part : parts) {
        if (!part.starts_with("qemu-tests/") || part.find('\n') == std::string::npos) continue;
        size_t end = part.find('\n');
        EXPECT_EQ(part.substr(end + 1), read_page(part.substr(0, end))) << part.substr(0, end);
        ++shown;
    }
    EXPECT_EQ(shown, 6u);
}

} // namespace
} // namespace mangrove
