#include <gmock/gmock.h>

#include "head/import/testing/imported.h"
#include "head/nodes/inventory.h"

using namespace mangrove;
using namespace mangrove::head;
using testing::ElementsAre;
using testing::HasSubstr;

namespace {

/// "group/a {…}" for each edit.
std::vector<std::string> edits(const std::string& format, const std::string& contents,
                               const std::string& existing) {
    Objects objects;
    for (auto& [key, object] :
         edits_of(import_text("yaml", existing, "x").value(), Inventory::from({}).value()))
        objects.emplace(key, std::move(*object));
    Inventory now = Inventory::from(std::move(objects)).value();
    std::vector<std::string> lines;
    for (const auto& [key, object] : edits_of(import_text(format, contents, "x").value(), now))
        lines.push_back(key + " " + print_json(object->fields));
    return lines;
}

TEST(Import, NamedGroupsAreMadeWhereTheyAreMissing) {
    EXPECT_THAT(edits("csv", "name,groups\nn1,a b\n", "groups: {a: {values: {x: 1}}}"),
                ElementsAre("group/b {}", "node/n1 {\"groups\":[\"a\",\"b\"]}"));
}

TEST(Import, SomeFieldsLeaveTheOthers) {
    const char* existing = "groups: {g: {}}\nnodes: {n1: {groups: [g], values: {a: 1, b: {c: 2}}}}";
    EXPECT_THAT(edits("csv", "name,values.b.c,values.d\nn1,3,4\n", existing),
                ElementsAre("node/n1 {\"groups\":[\"g\"],\"values\":{\"a\":1,\"b\":{\"c\":3},\"d\":4}}"));
    EXPECT_THAT(edits("yaml", "nodes: {n1: {values: {a: 2}}}", existing),
                ElementsAre("node/n1 {\"values\":{\"a\":2}}"));
}

TEST(Import, Yaml) {
    auto read = [](const std::string& contents) { return import_text("yaml", contents, "x.yaml"); };
    EXPECT_EQ(
        objects_of(read("groups:\n  g: {match: 'n[1-2]'}\nnodes:\n  n1:\n  n2: {macs: [5254.0012.3401]}\n")),
        "group g {\"match\":\"n[1-2]\"}\nnode n1 {}\nnode n2 {\"macs\":[\"52:54:00:12:34:01\"]}\n");
    EXPECT_EQ(objects_of(read("")), "");
    EXPECT_THAT(error_of(read("nodse:\n  n1:\n")), HasSubstr("did you mean 'nodes'?"));
    EXPECT_THAT(error_of(read("nodes:\n  n1:\n\n  n2: {mac: []}\n")),
                HasSubstr("x.yaml:4: node n2: mac: unknown field; did you mean 'macs'?"));
    EXPECT_THAT(error_of(read("nodes: [n1]\n")),
                HasSubstr("x.yaml:1: nodes: expected names with their fields"));
    EXPECT_THAT(error_of(read("nodes:\n  n1: {}\n  n1: {}\n")), HasSubstr("x.yaml:3: 'n1' is there twice"));
    EXPECT_THAT(error_of(read("nodes:\n  n1: {")), HasSubstr("x.yaml:2: invalid YAML: "));
    EXPECT_THAT(error_of(read("- a\n")), HasSubstr("expected nodes: or groups:"));
}

TEST(Import, FormatsAndBytes) {
    EXPECT_THAT(error_of(import_text("warewolf", "", "x")), HasSubstr("did you mean 'warewulf'?"));
    EXPECT_EQ(error_of(import_text("csv", std::string("name\nn\0\n", 8), "x")),
              "x:2: a NUL byte, which no text has");
}

} // namespace
