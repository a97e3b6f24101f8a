#include <algorithm>
#include <gmock/gmock.h>

#include "base/whole_file.h"
#include "head/host/json.h"
#include "head/import/testing/imported.h"
#include "head/nodes/inventory.h"

using namespace mangrove;
using namespace mangrove::head;
using testing::HasSubstr;

namespace {

Result<Imported> read(const std::string& contents) {
    return import_warewulf(contents, "nodes.conf");
}

std::string example(const std::string& name) {
    return read_file(text(SOURCE_DIRECTORY, "/src/head/import/examples/", name)).value();
}

Result<Inventory> inventory_of(Result<Imported> imported) {
    Objects objects;
    for (auto& [key, object] : edits_of(TRY(std::move(imported)), TRY(Inventory::from({}))))
        objects.emplace(key, std::move(*object));
    TRY(check_objects(objects));
    return Inventory::from(std::move(objects));
}

std::string inventory_error(const std::string& contents) {
    Result<Inventory> inventory = inventory_of(read(contents));
    return inventory ? "no error" : inventory.error().what;
}

/// Each node of the file resolves to what is beside it, which Warewulf's rules make of it.
void expect_resolved(const std::string& contents, const std::string& expected_file) {
    Result<Inventory> inventory = inventory_of(read(contents));
    ASSERT_TRUE(inventory) << inventory.error().what;
    Json expected = parse_json(example(expected_file), expected_file).value();
    const cJSON* node = nullptr;
    cJSON_ArrayForEach(node, expected.get()) {
        Json resolved = inventory->resolve(*inventory->get("node", node->string).value()).fields;
        EXPECT_TRUE(cJSON_Compare(resolved.get(), node, true))
            << node->string << " is " << indented_json(resolved.get());
    }
}

TEST(ImportWarewulf, Version45) {
    expect_resolved(example("nodes-4.5.conf"), "nodes-4.5.json");
    EXPECT_EQ(
        ignored_of(read(example("nodes-4.5.conf"))),
        "nodes.conf:16: group default: the BMC's password is not imported; nodes and their history show "
        "all that they hold\n"
        "nodes.conf:43: group gpu: Warewulf 4.5 ignores profiles of a profile\n"
        "nodes.conf:100: node login.hpc.example: no profile 'missing'\n"
        "nodes.conf:109: node login.hpc.example: unknown key 'vlan' is kept as "
        "interfaces.default.values.vlan\n"
        "nodes.conf:103: node login.hpc.example: unknown key 'colour' is kept as values.colour");
}

TEST(ImportWarewulf, Version46) {
    expect_resolved(example("nodes-4.6.conf"), "nodes-4.6.json");
    EXPECT_EQ(
        ignored_of(read(example("nodes-4.6.conf"))),
        "nodes.conf:26: group default: the BMC's password is not imported; nodes and their history show "
        "all that they hold");
}

TEST(ImportWarewulf, Version47WithTabsAndWindowsLines) {
    std::string contents;
    for (char letter : example("nodes-4.7.conf"))
        contents += letter == '\n' ? "\r\n" : std::string(1, letter);
    expect_resolved("\xef\xbb\xbf" + contents, "nodes-4.7.json");
    EXPECT_EQ(ignored_of(read(contents)),
              "nodes.conf:44: node s1: unknown key 'wake' is kept as interfaces.default.values.wake\n"
              "nodes.conf:39: node s1: unknown key 'boot method' is kept as values.boot method");
}

TEST(ImportWarewulf, NothingAndNull) {
    EXPECT_EQ(objects_of(read("")), "");
    EXPECT_EQ(objects_of(read("nodeprofiles:\nnodes:\n  n1:\n  n2: {}\n")), "node n1 {}\nnode n2 {}\n");
    EXPECT_EQ(objects_of(read("nodes: {n1: {init: UNDEF, root: ~, tags: , kernel: {args: []}}}")),
              "node n1 {}\n");
}

TEST(ImportWarewulf, ErrorsNameTheLine) {
    EXPECT_EQ(error_of(read("- n1\n")),
              "nodes.conf:1: expected a map with nodeprofiles and nodes, as nodes.conf has them");
    EXPECT_EQ(error_of(read("nodes:\n  - n1\n")), "nodes.conf:2: nodes: expected a map of names");
    EXPECT_EQ(error_of(read("nodes:\n  n1: x\n")), "nodes.conf:2: nodes.n1: expected a map of fields");
    EXPECT_EQ(error_of(read("nodes:\n  n1:\n    init: []\n")),
              "nodes.conf:3: node n1: init: expected one value");
    EXPECT_EQ(error_of(read("nodes:\n  n1:\n    ipmi: x\n")), "nodes.conf:3: node n1: ipmi: expected a map");
    EXPECT_EQ(error_of(read("nodes:\n  n1:\n    network devices:\n      a: 1\n")),
              "nodes.conf:4: node n1: network device a: expected a map");
    EXPECT_EQ(error_of(read("nodes:\n  n1:\n    network devices:\n      a:\n        mtu: big\n")),
              "nodes.conf:5: node n1: mtu: expected a number");
    EXPECT_EQ(error_of(read("nodes:\n  n1:\n    network devices:\n      a:\n        ipcidr: 10.0.0.1\n")),
              "nodes.conf:5: node n1: ipcidr: expected ADDRESS/BITS, got 10.0.0.1");
    EXPECT_EQ(error_of(read("nodes:\n  n1:\n    tags:\n      a!: x\n")),
              "nodes.conf:4: node n1: a key ends with '!'; rename it");
    EXPECT_EQ(error_of(read("nodes:\n  n1: {}\n  n1: {}\n")),
              "nodes.conf:3: 'n1' is there twice; remove one of them");
    EXPECT_THAT(error_of(read("nodeprofiles:\n  all: {}\n")), HasSubstr("nodes.conf:2: invalid group name"));
    EXPECT_THAT(error_of(read("nodes:\n  n1:\n    network devices:\n      a: {hwaddr: 52:54}\n")),
                HasSubstr("node n1: interfaces.a.mac: expected a MAC address"));
    EXPECT_THAT(error_of(read("nodes:\n\tn1: {}\n")), HasSubstr("nodes.conf:2: invalid YAML: "));
    EXPECT_THAT(error_of(read("a: &a [*a]\n")), HasSubstr("nested too deeply"));
}

TEST(ImportWarewulf, CyclesAndDuplicatesAreTheModels) {
    EXPECT_EQ(inventory_error("nodeprofiles: {a: {profiles: [b]}, b: {profiles: [a]}}\n"),
              "group a: includes itself: a -> b -> a");
    EXPECT_EQ(inventory_error("nodes:\n"
                              "  n1: {network devices: {a: {hwaddr: 52:54:00:00:00:01}}}\n"
                              "  n2: {network devices: {b: {hwaddr: 52-54-00-00-00-01}}}\n"),
              "node n1 and node n2: both have the MAC address 52:54:00:00:00:01");
}

} // namespace
