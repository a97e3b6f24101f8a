#include "source/source.h"

#include <gtest/gtest.h>

#include "definition/encoding.h"
#include "system/fake_system.h"

namespace mangrove {
namespace {

struct SourceTest : testing::Test {
    Transcript transcript;
    FakeSystem system{transcript};
};

TEST_F(SourceTest, ReadsAFile) {
    system.add_file("/definition.json", "{}");
    Result<Found> found = find_definition(system, "file:/definition.json");
    ASSERT_TRUE(found);
    EXPECT_EQ(found->text, "{}");
    EXPECT_EQ(found->origin, "/definition.json");
}

TEST_F(SourceTest, NamesTheFileThatIsMissing) {
    Result<Found> found = find_definition(system, "file:/definition.json");
    ASSERT_FALSE(found);
    EXPECT_EQ(found.error().what, "reading /definition.json: No such file or directory");
}

TEST_F(SourceTest, ReadsTheArgumentItself) {
    std::string argument = definition::encode("{\"name\":\"x\"}").value();
    Result<Found> found = find_definition(system, argument);
    ASSERT_TRUE(found);
    EXPECT_EQ(found->text, "{\"name\":\"x\"}");
}

TEST_F(SourceTest, RefusesWhatItDoesNotKnow) {
    EXPECT_EQ(find_definition(system, "bas64:e30").error().what,
              "mangrove.definition: unknown source 'bas64:'; did you mean 'base64:'?");
    EXPECT_EQ(
        find_definition(system, "tftp://x/y").error().what,
        "definitions from 'tftp:' are not in this build; give one as mangrove.definition=base64:… or file:…");
}

TEST(Sources, AreTriedInTheirOrderAndDefaultToDhcp) {
    EXPECT_EQ(definition_sources(KernelCommandLine::parse("quiet")), (std::vector<std::string>{"dhcp"}));
    EXPECT_EQ(definition_sources(
                  KernelCommandLine::parse("mangrove.definition=file:/a mangrove.definition=file:/b")),
              (std::vector<std::string>{"file:/a", "file:/b"}));
}

} // namespace
} // namespace mangrove
