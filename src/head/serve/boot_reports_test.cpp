#include "head/serve/boot_reports.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "head/host/files.h"
#include "head/host/json.h"
#include "head/host/testing/full_tree.h"

namespace mangrove::head {
namespace {

using testing::HasSubstr;
using testing::Not;

class BootReportsTest : public testing::Test {
  protected:
    std::string shown(const std::string& node) const {
        std::string all;
        for (const BootReport& report : reports_.of_node(node))
            all += print_json(description_of(report)) + "\n";
        return all;
    }

    Stage stage_ = make_test_directory();
    BootReports reports_{stage_.path / "reports"};
};

TEST_F(BootReportsTest, KeepsTheLastTenOfANode) {
    for (int i = 1; i <= 13; ++i)
        ASSERT_TRUE(reports_.keep("n1", text(R"({"boot_id":"boot-)", i, R"("})")));
    EXPECT_EQ(reports_.of_node("n1").size(), BootReports::kMostOfNode);
    EXPECT_THAT(shown("n1"), Not(HasSubstr(R"("boot-3")")));
    EXPECT_EQ(text_at(reports_.of_node("n1").front().report.get(), "boot_id"), "boot-13");
    EXPECT_TRUE(reports_.of_node("n2").empty());
}

TEST_F(BootReportsTest, AReportThatIsPostedAgainIsOne) {
    ASSERT_TRUE(reports_.keep("n1", R"({"boot_id":"a","seconds":1})"));
    ASSERT_TRUE(reports_.keep("n1", R"({"boot_id":"b"})"));
    ASSERT_TRUE(reports_.keep("n1", R"({"boot_id":"a","seconds":2})"));
    EXPECT_EQ(reports_.of_node("n1").size(), 2U);
    EXPECT_EQ(text_at(reports_.of_node("n1").front().report.get(), "boot_id"), "b");
    EXPECT_THAT(shown("n1"), HasSubstr(R"("seconds":2)"));
}

TEST_F(BootReportsTest, KnowsWhichNodesFailedAlsoAfterARestart) {
    ASSERT_TRUE(reports_.keep("n1", R"({"boot_id":"a","failure":"no such target\nwhile mounting"})"));
    ASSERT_TRUE(reports_.keep("n2", R"({"boot_id":"a","failure":"timed out"})"));
    ASSERT_TRUE(reports_.keep("n2", R"({"boot_id":"b"})"));
    BootReports again(stage_.path / "reports");
    ASSERT_TRUE(again.open());
    for (const BootReports* reports : {&reports_, &again}) {
        EXPECT_EQ(reports->failures().size(), 1U);
        EXPECT_EQ(reports->failures().at("n1").error, "no such target");
    }
}

TEST_F(BootReportsTest, RemovesThoseOfNodesThatAreGone) {
    ASSERT_TRUE(reports_.keep("n1", R"({"failure":"x"})"));
    ASSERT_TRUE(reports_.keep("n2", "{}"));
    reports_.keep_nodes([](const std::string& node) { return node == "n2"; });
    EXPECT_FALSE(std::filesystem::exists(stage_.path / "reports/n1"));
    EXPECT_EQ(reports_.of_node("n2").size(), 1U);
    EXPECT_TRUE(reports_.failures().empty());
}

TEST_F(BootReportsTest, WhatANodeWritesIsBounded) {
    EXPECT_FALSE(reports_.keep("n1", std::string(BootReports::kMostBytes + 1, ' ')));
    EXPECT_TRUE(reports_.of_node("n1").empty());
    std::string steps;
    for (int i = 0; i < 1000; ++i)
        steps += text(i == 0 ? "" : ",", R"({"name":")", std::string(100, 'x'),
                      R"(","start":1e300,"seconds":-1})");
    ASSERT_TRUE(reports_.keep("n1", text(R"({"steps":[)", steps, R"(],"name":7,"other":1})")));
    Json json = description_of(reports_.of_node("n1").front());
    EXPECT_EQ(cJSON_GetArraySize(cJSON_GetObjectItemCaseSensitive(json.get(), "steps")), 200);
    EXPECT_THAT(print_json(json), Not(testing::ContainsRegex("start|seconds|other|\"name\":7")));
    for (const char* hostile :
         {"", "no json", "[1,2]", "null", R"({"steps":{"a":1}})", R"({"steps":[1,[]]})"}) {
        ASSERT_TRUE(reports_.keep("n2", hostile));
        shown("n2");
    }
}

TEST(FirstLine, IsPlainTextWithinItsBound) {
    EXPECT_EQ(first_line("a\tb\x1b[31m\nnext", 100), "a b [31m");
    EXPECT_EQ(first_line("tr\xc3\xa9s", 4), "tr\xc3\xa9");
    EXPECT_EQ(first_line("tr\xc3\xa9s", 3), "tr");
    EXPECT_EQ(first_line("a\xff\xc0\xaf", 100), "a???");
}

} // namespace
} // namespace mangrove::head
