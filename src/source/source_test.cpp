
#include <gtest/gtest.h>

#include "definition/encoding.h"
#include "net/dhcp_test_messages.h"
#include "source/testing/search.h"

namespace mangrove {
namespace {

struct SourceTest : SearchTest {
    Result<Found> find(const std::string& source) { return find_definition(search, source); }
};

TEST_F(SourceTest, ReadsAFile) {
    system.add_file("/definition.json", "{}");
    Result<Found> found = find("file:/definition.json");
    ASSERT_TRUE(found);
    EXPECT_EQ(found->text, "{}");
    EXPECT_EQ(found->origin, "/definition.json");
}

TEST_F(SourceTest, NamesTheFileThatIsMissing) {
    Result<Found> found = find("file:/definition.json");
    ASSERT_FALSE(found);
    EXPECT_EQ(found.error().what, "reading /definition.json: No such file or directory");
}

TEST_F(SourceTest, ReadsTheArgumentItself) {
    std::string argument = definition::encode("{\"name\":\"x\"}").value();
    Result<Found> found = find(argument);
    ASSERT_TRUE(found);
    EXPECT_EQ(found->text, "{\"name\":\"x\"}");
}

TEST_F(SourceTest, RefusesWhatItDoesNotKnow) {
    EXPECT_EQ(find("bas64:e30").error().what, "unknown definition source 'bas64:'; did you mean 'base64:'?");
    EXPECT_EQ(find("dhpc").error().what, "unknown definition source 'dhpc'; did you mean 'dhcp'?");
    EXPECT_EQ(find("dhcp:eth0").error().what, "unknown definition source 'dhcp:'; did you mean 'dhcp'?");
    EXPECT_EQ(find(std::string(50, 'x') + "\n").error().what,
              "unknown definition source '" + std::string(40, 'x') + "…'");
    EXPECT_EQ(find("\x1b[2J").error().what, "unknown definition source '?[2J'");
}

TEST_F(SourceTest, ATextIsADefinitionOrNamesASource) {
    Result<Found> itself = follow(search, {" {}\n", "option 224", "everybody"});
    ASSERT_TRUE(itself);
    EXPECT_EQ(itself->text, " {}\n");
    system.add_file("/definition.json", "{}");
    Result<Found> named = follow(search, {"file:/definition.json\n", "option 224", "everybody"});
    ASSERT_TRUE(named);
    EXPECT_EQ(named->text, "{}");
    EXPECT_EQ(named->origin, "/definition.json");
    EXPECT_EQ(named->readers, "everybody");
    Result<Found> encoded = follow(search, {definition::encode("{}").value(), "option 224"});
    ASSERT_TRUE(encoded);
    EXPECT_EQ(encoded->text, "{}");
    EXPECT_EQ(encoded->origin, "option 224");
}

TEST_F(SourceTest, ATextThatLeadsNowhereIsRefused) {
    EXPECT_EQ(follow(search, {"", "option 224"}).error().what, "option 224 is empty");
    EXPECT_EQ(follow(search, {" \n", "option 224"}).error().what, "option 224 is empty");
    EXPECT_EQ(follow(search, {"dhcp", "option 224"}).error().what,
              "option 224 holds neither JSON nor a source: 'dhcp'");
    EXPECT_EQ(describe(follow(search, {"file:/x", "option 224"}).error()),
              "reading /x: No such file or directory\n  while following option 224");
}

TEST_F(SourceTest, RenewsTheLeaseOfANetworkThatIsUp) {
    FakeNetwork network(system);
    network.add_card("eth0", kTestMac);
    unsigned asked = 0;
    network.serve_dhcp("eth0", [&](ByteView question) {
        ++asked;
        return answer_as_server(question);
    });
    ASSERT_TRUE(need_network(search));
    asked = 0;
    ASSERT_TRUE(need_network(search));
    EXPECT_EQ(asked, 0U);
    system.sleep(std::chrono::minutes(31));
    ASSERT_TRUE(need_network(search));
    EXPECT_EQ(asked, 1U);
}

TEST(Sources, AreShownWithoutWhatIsSecret) {
    EXPECT_EQ(shown_source("base64:eyJuYW1lIjoieCJ9"), "base64:…");
    EXPECT_EQ(shown_source("https://user:password@head/node.json"), "https://head/node.json");
    EXPECT_EQ(shown_source("https://user:p@ssword@head/node.json"), "https://head/node.json");
    EXPECT_EQ(shown_source("https://user:pass/word@head/node.json"), "https://…");
    EXPECT_EQ(shown_source("https://head/node.json?token=1"), "https://head/node.json");
    EXPECT_EQ(shown_source("https://head/mail@example"), "https://head/mail@example");
    EXPECT_EQ(shown_source("file:/a@b"), "file:/a@b");
}

TEST(Sources, AreTriedInTheirOrderAndDefaultToDhcp) {
    EXPECT_EQ(definition_sources(KernelCommandLine::parse("quiet")), (std::vector<std::string>{"dhcp"}));
    EXPECT_EQ(definition_sources(
                  KernelCommandLine::parse("mangrove.definition=file:/a mangrove.definition=file:/b")),
              (std::vector<std::string>{"file:/a", "file:/b"}));
}

} // namespace
} // namespace mangrove
