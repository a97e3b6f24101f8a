#include "head/nodes/discovered.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "head/host/json.h"
#include "head/host/testing/full_tree.h"

namespace mangrove::head {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

constexpr const char* kUuid = "4c4c4544-0044-4d10-8054-b7c04f565931";

class DiscoveredTest : public testing::Test {
  protected:
    std::vector<std::string> macs() {
        std::vector<std::string> all;
        std::vector<Discovered> machines = *list_discovered(*database_, *Inventory::load(*database_));
        for (const Discovered& machine : machines)
            all.push_back(machine.mac + " " + machine.first + " " + machine.last);
        return all;
    }
    void note(std::vector<Discovered> seen) {
        Result<> noted = note_discovered(*database_, *Inventory::load(*database_), std::move(seen));
        ASSERT_TRUE(noted) << describe(noted.error());
    }
    void add_node(const std::string& name, const std::string& mac) {
        ASSERT_TRUE(database_->commit({{"node/" + name, text(R"({"macs":[")", mac, R"("]})")}}));
    }

    Stage stage_ = make_test_directory();
    std::unique_ptr<Database> database_ = *open_sqlite_database(stage_.path / "nodes.db");
};

TEST_F(DiscoveredTest, KeepsWhenAMachineAskedFirst) {
    note({{.mac = "52:54:00:00:00:02", .last = "2"}, {.mac = "52:54:00:00:00:01", .last = "1"}});
    note({{.mac = "52:54:00:00:00:01", .last = "3"}});
    EXPECT_THAT(macs(), ElementsAre("52:54:00:00:00:01 1 3", "52:54:00:00:00:02 2 2"));
    ASSERT_TRUE(forget_discovered(*database_, {{.mac = "52:54:00:00:00:01"}}));
    EXPECT_THAT(macs(), ElementsAre("52:54:00:00:00:02 2 2"));
}

TEST_F(DiscoveredTest, HasNoNodes) {
    note({{.mac = "52:54:00:00:00:01", .last = "1"}, {.mac = "52:54:00:00:00:02", .last = "1"}});
    add_node("n1", "52:54:00:00:00:01");
    EXPECT_THAT(macs(), ElementsAre("52:54:00:00:00:02 1 1"));
    note({{.mac = "52:54:00:00:00:01", .last = "2"}});
    EXPECT_EQ(database_->get("discovered/52:54:00:00:00:01"), std::nullopt) << "it became a node";
}

TEST_F(DiscoveredTest, TheTpmOfANodeIsKeptUntilItIsEnrolled) {
    add_node("n1", "52:54:00:00:00:01");
    note({{.mac = "52:54:00:00:00:01", .tpm = "aa", .last = "1"}});
    EXPECT_THAT(macs(), ElementsAre()) << "it is a node";
    auto strange = [&] { return *list_new_tpms(*database_, *Inventory::load(*database_)); };
    ASSERT_EQ(strange().size(), 1u);
    EXPECT_EQ(strange().at("n1").tpm, "aa");
    ASSERT_TRUE(database_->commit({{"node/n1", R"({"macs":["52:54:00:00:00:01"],"values":{"tpm":"aa"}})"}}));
    EXPECT_TRUE(strange().empty());
    note({{.mac = "52:54:00:00:00:01", .tpm = "aa", .last = "2"}});
    EXPECT_EQ(database_->get("discovered/52:54:00:00:00:01"), std::nullopt);
}

TEST_F(DiscoveredTest, IsLimited) {
    std::vector<Discovered> invented;
    for (size_t i = 0; i < kMostDiscovered + 10; ++i)
        invented.push_back({.mac = text("mac", i), .last = "1"});
    note(std::move(invented));
    EXPECT_EQ(database_->list("discovered/")->size(), kMostDiscovered);
}

TEST_F(DiscoveredTest, BecomesNodesWithTheNextFreeNames) {
    add_node("n2", "52:54:00:00:00:09");
    Inventory now = *Inventory::load(*database_);
    std::vector<Discovered> machines = {{.mac = "52:54:00:00:00:01", .uuid = kUuid},
                                        {.mac = "52:54:00:00:00:02", .uuid = kUuid}};
    Json fields(cJSON_Parse(R"({"groups":["compute"],"macs":["x"]})"));
    Result<Edits> edits = accept_discovered(now, machines, {"n1", "n2", "n3"}, fields.get());
    ASSERT_TRUE(edits) << describe(edits.error());
    ASSERT_EQ(edits->size(), 2u);
    EXPECT_EQ(print_json(edits->at("node/n1")->fields),
              text(R"({"groups":["compute"],"macs":["52:54:00:00:00:01"],"uuid":")", kUuid, R"("})"));
    EXPECT_EQ(print_json(edits->at("node/n3")->fields),
              R"({"groups":["compute"],"macs":["52:54:00:00:00:02"]})")
        << "a UUID that two mainboards have is none";
    EXPECT_THAT(accept_discovered(now, machines, {"n1", "n2"}, fields.get()).error().what,
                HasSubstr("no name is left"));
}

AcceptRule rule_of(const std::string& json) {
    Result<AcceptRule> rule = read_accept_rule(parse_json(json, "rule")->get());
    EXPECT_TRUE(rule) << describe(rule.error());
    return rule.value_or(AcceptRule{});
}

std::string rule_problem(const std::string& json) {
    Result<AcceptRule> rule = read_accept_rule(parse_json(json, "rule")->get());
    return rule ? "" : describe(rule.error());
}

TEST_F(DiscoveredTest, RulesAcceptWhatTheyMatch) {
    add_node("n1", "52:54:00:00:00:09");
    note({{.mac = "52:54:00:00:00:01", .manufacturer = "Dell Inc.", .last = "1"},
          {.mac = "52:54:00:00:00:02", .manufacturer = "QEMU", .last = "2"},
          {.mac = "52:54:00:00:00:03", .manufacturer = "Dell Inc.", .last = "3"},
          {.mac = "52:54:00:00:00:04", .manufacturer = "Dell Inc.", .last = "4"}});
    std::vector<AcceptRule> rules = {
        rule_of(R"({"names":"n[1-3]","match":{"manufacturer":"Dell*"},"fields":{"values":{"rack":1}}})"),
        rule_of(R"({"names":"n[3-9]","match":{"manufacturer":"Q*","mac":"52:*"}})")};
    Result<> accepted = accept_by_rules(*database_, rules);
    ASSERT_FALSE(accepted);
    EXPECT_THAT(accepted.error().what, HasSubstr("52:54:00:00:00:04: no name is left"));
    EXPECT_THAT(macs(), ElementsAre("52:54:00:00:00:04 4 4"));
    Inventory now = *Inventory::load(*database_);
    EXPECT_THAT(now.names("node"), ElementsAre("n1", "n2", "n3", "n4"));
    EXPECT_THAT(macs_of(**now.get("node", "n2")), ElementsAre("52:54:00:00:00:01"));
    EXPECT_THAT(macs_of(**now.get("node", "n4")), ElementsAre("52:54:00:00:00:02"));
    EXPECT_EQ(list_events(*database_)->back().author.who, "mangrove-head");
}

TEST_F(DiscoveredTest, RulesAreChecked) {
    EXPECT_THAT(rule_problem(R"({"names":"n[1-"})"), HasSubstr("reading names"));
    EXPECT_THAT(rule_problem(R"({"name":"n1"})"), HasSubstr("did you mean 'names'?"));
    EXPECT_THAT(rule_problem(R"({"names":"n1","match":{"vendor":"x"}})"),
                HasSubstr("expected a pattern for"));
    EXPECT_THAT(rule_problem(R"({"names":"n1","fields":{"group":[]}})"), HasSubstr("did you mean 'groups'?"));
    EXPECT_THAT(rule_problem("[]"), HasSubstr("expected names, match and fields"));
}

} // namespace
} // namespace mangrove::head
