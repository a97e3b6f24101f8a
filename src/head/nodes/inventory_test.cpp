#include "head/nodes/inventory.h"

#include <gtest/gtest.h>

#include "head/host/json.h"
#include "head/host/testing/full_tree.h"

namespace mangrove::head {
namespace {

Objects objects(std::initializer_list<std::pair<const char*, const char*>> written) {
    Objects all;
    for (const auto& [key, fields] : written) {
        std::string name = key;
        size_t slash = name.find('/');
        Object object{.noun = name.substr(0, slash), .name = name.substr(slash + 1)};
        object.fields = *parse_json(fields, key);
        Result<> checked = check_object(object);
        EXPECT_TRUE(checked) << describe(checked.error());
        all.emplace(key, std::move(object));
    }
    return all;
}

std::string resolved(const Inventory& inventory, const char* node) {
    return print_json(inventory.resolve(**inventory.get("node", node)).fields);
}

std::string selected(const Inventory& inventory, const char* expression) {
    Result<std::vector<std::string>> nodes = inventory.select(expression);
    return nodes ? join(*nodes, " ") : describe(nodes.error());
}

TEST(Inventory, MergesGroupsFromLeftToRightAndTheNodeLast) {
    Inventory inventory = *Inventory::from(objects({
        {"group/base", R"({"values":{"a":"base","o":{"x":1,"y":1},"l":["b"],"r":["b"]},"files":["hosts"]})"},
        {"group/gpu",
         R"({"groups":["base"],"values":{"a":"gpu","o":{"y":2},"l":["g"],"r!":["g"]},"files":["hosts","cuda"]})"},
        {"group/late", R"({"groups":["base"],"values":{"a":"late"},"bmc":{"kind":"redfish","user":"root"}})"},
        {"node/n1",
         R"({"groups":["gpu","late"],"values":{"l":["n"],"new!":{"z!":[1]}},"bmc":{"address":"10.0.0.1"}})"},
        {"node/n2", R"({"groups":["late","~base"],"values":{"a":{"b":1},"o":5}})"},
    }));
    EXPECT_EQ(resolved(inventory, "n1"),
              R"({"groups":["base","gpu","late"],"files":["hosts","cuda"],)"
              R"("values":{"a":"late","o":{"x":1,"y":2},"l":["b","g","n"],"r":["g"],"new":{"z":[1]}},)"
              R"("bmc":{"kind":"redfish","user":"root","address":"10.0.0.1"}})");
    EXPECT_EQ(resolved(inventory, "n2"),
              R"({"groups":["late"],"values":{"a":{"b":1},"o":5},"bmc":{"kind":"redfish","user":"root"}})");
}

TEST(Inventory, TellsWhereEachValueComesFromAndWhatItHides) {
    Inventory inventory = *Inventory::from(objects({
        {"group/a", R"({"values":{"s":1,"l":["x"],"o":{"p":1},"e":[]}})"},
        {"group/b", R"({"values":{"s":2,"l":["y"],"o":7,"e":["z"]}})"},
        {"node/n", R"({"groups":["a","b"],"values":{"s":3,"l!":["w"]}})"},
    }));
    Sources sources = inventory.resolve(**inventory.get("node", "n"), WithSources::yes).sources;
    EXPECT_EQ(sources,
              (Sources{{"values.e[0]", {"\"z\"", "group b"}},
                       {"values.l[0]", {"\"w\"", "node n", {{"\"x\"", "group a"}, {"\"y\"", "group b"}}}},
                       {"values.o", {"7", "group b", {{"1", "group a"}}}},
                       {"values.s", {"3", "node n", {{"1", "group a"}, {"2", "group b"}}}}}));
}

TEST(Inventory, SelectsNodes) {
    Inventory inventory = *Inventory::from(objects({
        {"group/base", "{}"},
        {"group/gpu", R"({"groups":["base"],"match":"g[1-9]","values":{"rack":2}})"},
        {"group/big", R"({"match":"@gpu,size=big","values":{"tags":["a","b"]}})"},
        {"node/n1", R"({"groups":["base"],"values":{"rack":1,"size":"big"}})"},
        {"node/n2", R"({"values":{"rack":"1"}})"},
        {"node/g1", "{}"},
        {"node/g10", "{}"},
    }));
    EXPECT_EQ(selected(inventory, "all"), "g1 g10 n1 n2");
    EXPECT_EQ(selected(inventory, "@base"), "g1 n1") << "g1 is matched by a group that includes it";
    EXPECT_EQ(selected(inventory, "@big"), "g1 n1");
    EXPECT_EQ(selected(inventory, "rack=1"), "n1 n2");
    EXPECT_EQ(selected(inventory, "values.rack=2,n2"), "g1 n2");
    EXPECT_EQ(selected(inventory, "groups=base!g1"), "n1");
    EXPECT_EQ(selected(inventory, "tags=b&@gpu"), "g1");
    EXPECT_EQ(selected(inventory, "n3"), "no node \"n3\"; did you mean 'n1'?");
    EXPECT_EQ(selected(inventory, "n[1-5]"), "no nodes n[3-5]");
    EXPECT_EQ(selected(inventory, "@bas"), "no group \"bas\"; did you mean 'base'?");
    EXPECT_EQ(selected(inventory, "rack=9"), "'rack=9': no node is meant by it");
    EXPECT_EQ(selected(inventory, ""), "'': a node or a group is missing at character 1");
}

TEST(Inventory, RefusesMatchesThatDependOnThemselves) {
    auto problem = [](std::initializer_list<std::pair<const char*, const char*>> written) {
        Result<Inventory> inventory = Inventory::from(objects(written));
        return inventory ? "" : describe(inventory.error());
    };
    EXPECT_EQ(problem({{"group/a", R"({"match":"@b"})"}, {"group/b", R"({"match":"n1,@a"})"}}),
              "group a: match: it depends on itself: a -> b -> a");
    EXPECT_EQ(problem({{"group/a", R"({"match":"@c"})"}}), "group a: match: no group 'c'");
    EXPECT_EQ(problem({{"group/a", R"({"match":"n[1"})"}}), "group a: match: 'n[1': ']' is missing");
}

TEST(InventoryOfDatabase, SelectsNodesAsRolloutsLeftThem) {
    Stage stage = make_test_directory();
    std::unique_ptr<Database> database = open_sqlite_database(stage.path / "nodes.db").value();
    ASSERT_TRUE(database->commit({{"node/n1", "{}"},
                                  {"node/n2", R"({"values":{"release":"9.4"}})"},
                                  {"node/n3", "{}"},
                                  {"state/n1", R"({"state":"lost","committed":"r-3f1c09b2a7d4"})"},
                                  {"state/n3", R"({"state":"committed","committed":"r-3f1c09b2a7d4"})"},
                                  {"state/gone", R"({"state":"lost"})"}}));
    Inventory inventory = Inventory::load(*database).value();
    EXPECT_EQ(*inventory.select("state=lost"), std::vector<std::string>{"n1"});
    EXPECT_EQ(*inventory.select("release=r-3f1c!state=lost"), std::vector<std::string>{"n3"});
    EXPECT_EQ(*inventory.select("release=9.4"), std::vector<std::string>{"n2"});
    EXPECT_FALSE(inventory.select("state=reverted"));
    EXPECT_FALSE(inventory.select("release=r-4"));
}

} // namespace
} // namespace mangrove::head
