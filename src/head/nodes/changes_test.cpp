#include "head/nodes/changes.h"

#include <csignal>
#include <fstream>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include "head/host/json.h"
#include "head/host/testing/full_tree.h"
#include "head/nodes/declaration.h"

namespace mangrove::head {
namespace {

class ChangesTest : public testing::Test {
  protected:
    std::unique_ptr<Database> open() { return *open_sqlite_database(stage_.path / "nodes.db"); }

    static Edits edits(const std::string& key, const char* fields) {
        size_t slash = key.find('/');
        Edits edits;
        std::optional<Object> object;
        if (fields) {
            object = Object{.noun = key.substr(0, slash), .name = key.substr(slash + 1)};
            object->fields = *parse_json(fields, key);
        }
        edits.emplace(key, std::move(object));
        return edits;
    }

    Result<ChangePlan> plan(Edits made) {
        return plan_changes(*database_, [&](const Inventory&) -> Result<Edits> { return std::move(made); });
    }

    std::string write(Edits made) {
        Result<ChangePlan> planned = plan(std::move(made));
        if (!planned) return describe(planned.error());
        Result<uint64_t> written = commit_plan(*database_, std::move(*planned), {"tester", "test"});
        return written ? text("event ", *written) : describe(written.error());
    }
    std::string write(const std::string& key, const char* fields) { return write(edits(key, fields)); }

    std::string undo(uint64_t number) {
        Result<Edits> undone = undo_event(*database_, *Inventory::load(*database_), number);
        return undone ? write(std::move(*undone)) : describe(undone.error());
    }

    std::string fields(const std::string& key) {
        std::optional<Entry> entry = *database_->get(key);
        return entry ? entry->value : "";
    }

    std::string apply(const std::filesystem::path& path, Others others = Others::stay) {
        Result<ChangePlan> planned = plan_changes(
            *database_, [&](const Inventory& now) { return read_declaration(path, now, others); });
        if (!planned) return describe(planned.error());
        std::string diff = join(planned->diff, "\n");
        Result<uint64_t> written = commit_plan(*database_, std::move(*planned), {"tester", "apply"});
        return written ? diff : describe(written.error());
    }

    Stage stage_ = make_test_directory();
    std::unique_ptr<Database> database_ = open();
};

TEST_F(ChangesTest, AreWrittenWithAnEvent) {
    EXPECT_EQ(write("group/g", R"({"values":{"a":1}})"), "event 1");
    EXPECT_EQ(write("node/n1", R"({"groups":["g"],"macs":["525400123456"]})"), "event 2");
    EXPECT_EQ(fields("node/n1"), R"({"groups":["g"],"macs":["52:54:00:12:34:56"]})");
    std::vector<Event> events = *list_events(*database_);
    ASSERT_EQ(events.size(), 2u);
    EXPECT_EQ(events[0].groups, std::vector<std::string>{"g"});
    EXPECT_EQ(events[1].nodes, "n1");
    EXPECT_EQ(events[1].author.who, "tester");
    EXPECT_EQ(join(events[1].diff, "|"),
              R"(node n1: added|node n1: groups: ["g"]|node n1: macs: ["52:54:00:12:34:56"])");
}

TEST_F(ChangesTest, AreRefusedWhereTwoNodesHaveAnAddress) {
    ASSERT_EQ(write("group/blue", R"({"interfaces":{"eth1":{"vlan":7}}})"), "event 1");
    ASSERT_EQ(write("node/n1", R"({"interfaces":{"eth0":{"address":"10.0.0.1/24"}}})"), "event 2");
    EXPECT_EQ(
        write("node/n2", R"({"interfaces":{"eth1":{"address":"10.0.0.1"}}})"),
        "node n1 (interfaces.eth0) and node n2 (interfaces.eth1): both have the address 10.0.0.1; change "
        "one, or the vlan of one if the networks are separate");
    EXPECT_EQ(write("node/n2", R"({"groups":["blue"],"interfaces":{"eth1":{"address":"10.0.0.1"}}})"),
              "event 3");
    EXPECT_TRUE(write("group/blue", "{}").contains("both have the address 10.0.0.1"));
    EXPECT_TRUE(write("node/n3", R"({"interfaces":{"e":{"address":"10.0.0.1","vlan":7}}})")
                    .starts_with("node n2 (interfaces.eth1) and node n3 (interfaces.e): "));
    EXPECT_EQ(write("node/n3", R"({"interfaces":{"a":{"address6":"fe80::1","address":"10.0.0.3"},)"
                               R"("b":{"address":"10.0.0.3"}}})"),
              "event 4");
    EXPECT_EQ(write("node/n4", R"({"interfaces":{"a":{"address6":"fe80::1"}}})"), "event 5");
}

TEST_F(ChangesTest, RenameANodeThatStaysInItsGroups) {
    ASSERT_EQ(write("group/late", R"({"match":"n[1-2]"})"), "event 1");
    ASSERT_EQ(write("group/x", R"({"match":"x*1"})").substr(0, 7), "group x");
    ASSERT_EQ(write("group/x", R"({"match":"x1"})"), "event 2");
    ASSERT_EQ(write("group/all-but-one", R"({"match":"all!n9"})"), "event 3");
    ASSERT_EQ(write("node/n1", "{}"), "event 4");
    auto rename = [&](const std::string& name) -> std::string {
        Result<Renaming> renaming = rename_node(*Inventory::load(*database_), "n1", name);
        if (!renaming) return renaming.error().what;
        return write(std::move(renaming->edits)) + " " + join(renaming->joined, ",");
    };
    EXPECT_EQ(
        rename("x1"),
        "node n1: the match of group late (n[1-2]) has it as n1 and not as x1; change that match first");
    EXPECT_EQ(rename("n9"), "node n1: the match of group all-but-one (all!n9) has it as n1 and not as n9; "
                            "change that match first");
    EXPECT_EQ(rename("n/2"), describe(check_name("node", "n/2").error()));
    EXPECT_EQ(rename("n1"), "node n1: already exists");
    EXPECT_EQ(rename("n2"), "event 5 ");
    ASSERT_EQ(write("group/late", R"({"match":"n2,x1"})"), "event 6");
    Result<Renaming> renaming = rename_node(*Inventory::load(*database_), "n2", "x1");
    ASSERT_TRUE(renaming);
    EXPECT_EQ(renaming->joined, std::vector<std::string>{"x"});
}

TEST_F(ChangesTest, AreRefusedWhereTheWholeWouldBeWrong) {
    EXPECT_EQ(write("node/n1", R"({"groups":["g"]})"), "node n1: groups: no group 'g'");
    EXPECT_EQ(write("group/g", "{}"), "event 1");
    EXPECT_EQ(write("node/n1", R"({"groups":["g"],"macs":["525400000001"]})"), "event 2");
    EXPECT_EQ(write("node/n2", R"({"macs":["525400000001"]})"),
              "node n1 and node n2: both have the MAC address 52:54:00:00:00:01");
    EXPECT_EQ(write("group/g", nullptr), "group g: in use by node n1; remove it from their groups first");
    EXPECT_EQ(write("group/h", R"({"match":"n1!@g"})"), "event 3");
    EXPECT_EQ(write("node/n1", nullptr), "event 4");
    EXPECT_EQ(write("group/g", nullptr), "group g: in use by group h; remove it from their groups first");
    EXPECT_EQ(write("group/h", R"({"match":"@h"})"), "group h: match: it depends on itself: h -> h");
    EXPECT_EQ(list_events(*database_)->size(), 4u);
}

TEST_F(ChangesTest, FoldNodesWithEqualChanges) {
    Edits many;
    for (int i = 1; i <= 20; ++i)
        many.merge(edits(text("node/n", i), R"({"values":{"a":1,"b":[1]}})"));
    for (int i = 1; i <= 20; ++i)
        many.at(text("node/n", i))->fields =
            *parse_json(text(R"({"values":{"a":1,"b":[1],"id":)", i, "}}"), "");
    EXPECT_EQ(join(plan(std::move(many))->diff, "|"), "node n[1-20]: added|node n[1-20]: values.a: 1|"
                                                      "node n[1-20]: values.b: [1]|"
                                                      "node n[1-20]: values.id: 20 different changes");
    ASSERT_EQ(write("node/n1", R"({"values":{"a":1,"b":2}})"), "event 1");
    EXPECT_EQ(join(plan(edits("node/n1", R"({"values":{"a":2}})"))->diff, "|"),
              "node n1: values.a: 1 -> 2|node n1: values.b: 2 -> nothing");
    EXPECT_TRUE(plan(edits("node/n1", R"({"values":{"b":2,"a":1}})"))->edits.empty());
}

TEST_F(ChangesTest, ByTwoWritersAtOnceAreBothKeptOrOneIsRefused) {
    ASSERT_EQ(write("node/n1", "{}"), "event 1");
    ChangePlan late = *plan(edits("node/n1", R"({"values":{"a":1}})"));
    ChangePlan other = *plan(edits("node/n2", R"({"macs":["525400000001"]})"));
    ChangePlan same_mac = *plan(edits("node/n3", R"({"macs":["525400000001"]})"));
    ASSERT_EQ(write("node/n1", R"({"values":{"a":2}})"), "event 2");
    Result<uint64_t> refused = commit_plan(*database_, std::move(late), {"tester", "test"});
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().what,
              "node n1: changed meanwhile by tester (event 2); nothing was written; run the command again");
    EXPECT_EQ(commit_plan(*database_, std::move(other), {"tester", "test"}), 3u) << "another node";
    Result<uint64_t> twice = commit_plan(*database_, std::move(same_mac), {"tester", "test"});
    ASSERT_FALSE(twice);
    EXPECT_EQ(twice.error().what, "node n2 and node n3: both have the MAC address 52:54:00:00:00:01");
}

TEST_F(ChangesTest, AreUndoneUnlessTheyChangedAgain) {
    ASSERT_EQ(write("node/n1", R"({"values":{"a":1,"b":1}})"), "event 1");
    ASSERT_EQ(write("node/n1", R"({"values":{"a":2,"b":1}})"), "event 2");
    ASSERT_EQ(write("node/n1", R"({"values":{"a":2,"b":2},"uuid":"f2c626b7-2c0f-41b4-88b8-2edf5cd49a54"})"),
              "event 3");
    EXPECT_EQ(undo(2), "event 4") << "the later event changed other fields";
    EXPECT_EQ(fields("node/n1"), R"({"values":{"b":2,"a":1},"uuid":"f2c626b7-2c0f-41b4-88b8-2edf5cd49a54"})");
    EXPECT_EQ(undo(2), "node n1: values.a changed after event 2; see mangrovectl history and undo the later "
                       "event first");
    EXPECT_EQ(undo(1), "node n1: changed after event 1; see mangrovectl history and undo the later event "
                       "first");
    EXPECT_EQ(undo(4), "event 5");
    ASSERT_EQ(write("node/n1", nullptr), "event 6");
    EXPECT_EQ(undo(6), "event 7");
    EXPECT_EQ(fields("node/n1").substr(0, 11), R"({"values":{)");
    EXPECT_EQ(undo(99), "no event 99; see mangrovectl history");
    ASSERT_EQ(write("group/g", "{}"), "event 8");
    ASSERT_EQ(write("node/n2", R"({"groups":["g"]})"), "event 9");
    EXPECT_EQ(undo(8), "group g: in use by node n2; remove it from their groups first");
}

TEST_F(ChangesTest, AreDeclaredInFilesAndExported) {
    std::filesystem::path directory = stage_.path / "site";
    std::filesystem::create_directory(directory);
    std::ofstream(directory / "a.yaml") << "groups:\n  compute: {values: {on: yes, version: 1.10}}\n"
                                           "nodes:\n  n1: {macs: [525400000010], groups: [compute]}\n  n2:\n";
    std::ofstream(directory / "b.json") << R"({"nodes":{"n3":{"groups":["compute"]}}})";
    EXPECT_EQ(apply(directory), "group compute: added\ngroup compute: values.on: \"yes\"\n"
                                "group compute: values.version: \"1.10\"\nnode n[1-3]: added\n"
                                "node n[1,3]: groups: [\"compute\"]\nnode n1: macs: [\"52:54:00:00:00:10\"]");
    Inventory before = *Inventory::load(*database_);
    ASSERT_TRUE(export_inventory(before, stage_.path / "out"));
    EXPECT_EQ(apply(stage_.path / "out"), "") << "what was exported changes nothing";
    std::filesystem::remove(directory / "b.json");
    EXPECT_EQ(apply(directory), "");
    EXPECT_EQ(apply(directory, Others::are_deleted), "node n3: removed");
    EXPECT_EQ(apply(stage_.path / "out"), "node n3: added\nnode n3: groups: [\"compute\"]");
    std::ofstream(directory / "c.yaml") << "nodes: {n2: {}}\n";
    EXPECT_EQ(apply(directory), text(directory.native(), "/c.yaml: node n2: also in ", directory.native(),
                                     "/a.yaml; keep one of them"));
    std::ofstream(directory / "c.yaml") << "node: {n2: {}}\n";
    EXPECT_EQ(apply(directory),
              text(directory.native(),
                   "/c.yaml: unknown key \"node\" (expected nodes or groups); did you mean 'nodes'?"));
    std::ofstream(directory / "c.yaml") << "nodes:\n  \"../n\": {}\n";
    EXPECT_EQ(apply(directory), text(directory.native(), "/c.yaml: invalid node name \"../n\": use letters, "
                                                         "digits, '.', '_' and '-' only"));
}

TEST_F(ChangesTest, LoseNothingAcknowledgedWhenKilled) {
    for (int round = 0; round < 4; ++round) {
        int acknowledged[2];
        ASSERT_EQ(::pipe(acknowledged), 0);
        pid_t writer = ::fork();
        if (writer == 0) {
            static_cast<void>(database_.release()); // SQLite's handles do not outlive a fork
            database_ = open();
            for (int i = 0;; ++i) {
                if (!write(text("node/r", round, "n", i).c_str(), "{}").starts_with("event ")) ::_exit(1);
                if (::write(acknowledged[1], &i, sizeof i) != sizeof i) ::_exit(1);
            }
        }
        ::close(acknowledged[1]);
        int last = -1;
        for (int i = 0; i <= round * 2; ++i)
            ASSERT_EQ(::read(acknowledged[0], &last, sizeof last), static_cast<ssize_t>(sizeof last));
        ::kill(writer, SIGKILL);
        ::waitpid(writer, nullptr, 0);
        ::close(acknowledged[0]);
        database_ = open();
        EXPECT_NE(fields(text("node/r", round, "n", last)), "");
        EXPECT_EQ(list_events(*database_)->size(), Inventory::load(*database_)->names("node").size())
            << "a write and its event are one";
    }
}

} // namespace
} // namespace mangrove::head
