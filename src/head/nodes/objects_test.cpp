#include "head/nodes/objects.h"

#include <gtest/gtest.h>

#include "head/host/json.h"

namespace mangrove::head {
namespace {

Object object(const char* noun, const char* name, const std::string& fields) {
    return {.noun = noun, .name = name, .fields = *parse_json(fields, name)};
}

std::string check(const char* noun, const char* name, const std::string& fields) {
    Object checked = object(noun, name, fields);
    Result<> result = check_object(checked);
    return result ? print_json(checked.fields) : describe(result.error());
}

std::string check_all(std::vector<Object> objects) {
    Objects all;
    for (Object& one : objects) {
        Result<> checked = check_object(one);
        EXPECT_TRUE(checked) << describe(checked.error());
        all.emplace(one.key(), copy_of(one));
    }
    Result<> result = check_objects(all);
    return result ? "" : describe(result.error());
}

template <typename... Made>
std::string check_set(Made... made) {
    std::vector<Object> objects;
    (objects.push_back(std::move(made)), ...);
    return check_all(std::move(objects));
}

TEST(Objects, AreCheckedAndNormalized) {
    EXPECT_EQ(
        check("node", "n001",
              R"({"macs":["525400123456","52-54-00-AB-CD-EF"],"uuid":"F2C626B72C0F41B488B82EDF5CD49A54",)"
              R"("groups":["a","~b"],"values":{"x":[1,{"y!":[]}]},"bmc":{"kind":"redfish","user":"u"},)"
              R"("interfaces":{"eth0":{"mac":"5254.0012.3457","address":"10.0.0.1/16","mtu":9000}}})"),
        R"({"macs":["52:54:00:12:34:56","52:54:00:ab:cd:ef"],"uuid":"f2c626b7-2c0f-41b4-88b8-2edf5cd49a54",)"
        R"("groups":["a","~b"],"values":{"x":[1,{"y!":[]}]},"bmc":{"kind":"redfish","user":"u"},)"
        R"("interfaces":{"eth0":{"mac":"52:54:00:12:34:57","address":"10.0.0.1/16","mtu":9000}}})");
    EXPECT_EQ(check("node", "n1", R"({"macs":[525400123456]})"), R"({"macs":["52:54:00:12:34:56"]})");
    EXPECT_EQ(check("group", "g", R"({"groups":[],"files":["base"],"match":"n[1-2]"})"),
              R"({"groups":[],"files":["base"],"match":"n[1-2]"})");
}

TEST(Objects, ErrorsNameThePathAndSuggest) {
    EXPECT_EQ(check("node", "n1", R"({"mac":[]})"), "node n1: mac: unknown field; did you mean 'macs'?");
    EXPECT_EQ(check("node", "n1", R"({"match":"x"})"),
              "node n1: match: unknown field; known are macs, uuid, groups, values, bmc, interfaces");
    EXPECT_EQ(check("node", "n1", R"({"bmc":{"adress":"x"}})"),
              "node n1: bmc.adress: unknown field; did you mean 'address'?");
    EXPECT_EQ(check("node", "n1", R"({"bmc":{"kind":"redfsh"}})"),
              "node n1: bmc.kind: expected ipmi, redfish, powerman, got \"redfsh\"; did you mean 'redfish'?");
    EXPECT_EQ(check("node", "n1", R"({"interfaces":{"eth0":{"mtu":1.5}}})"),
              "node n1: interfaces.eth0.mtu: expected a whole number from 0 to 65536");
    EXPECT_EQ(check("node", "n1", R"({"macs":["52:54"]})"),
              "node n1: macs[0]: expected a MAC address such as 52:54:00:12:34:56, got \"52:54\"");
    EXPECT_EQ(check("node", "n1", R"({"macs":["525400123456","52:54:00:12:34:56"]})"),
              "node n1: macs[1]: '52:54:00:12:34:56' occurs twice");
    EXPECT_EQ(check("node", "n1", R"({"groups":"a"})"), "node n1: groups: expected a list of texts");
    EXPECT_EQ(check("node", "n1", R"({"groups":["a b"]})"),
              "node n1: groups[0]: invalid group name \"a b\": use letters, digits, '.', '_' and '-' only");
    EXPECT_EQ(check("node", "n1", R"({"values":{"a":{"b":1,"b!":2}}})"), "node n1: values.a.b: occurs twice");
    EXPECT_EQ(check("node", "n1", R"({"uuid":"1","uuid":"1"})").substr(0, 14), "node n1: uuid:");
    EXPECT_EQ(check("group", "g", R"({"macs":[]})").substr(0, 29), "group g: macs: unknown field;");
    EXPECT_EQ(check("node", "n1", "[]"), "node n1: expected an object");
    EXPECT_EQ(check("nod", "n1", "{}"), "unknown noun 'nod'; did you mean 'node'?");
}

TEST(Objects, HaveNamesThatHostsCanHave) {
    for (const char* name : {"n1", "r1-n02.example.org", "A_b", "1a", "10.0.0.1a", "12h", "0xg"})
        EXPECT_EQ(check("node", name, "{}"), "{}") << name;
    for (const std::string& name :
         {std::string(), std::string("a/b"), std::string("../etc"), std::string(".."), std::string("a..b"),
          std::string("a\nb"), std::string("-a"), std::string("a "), std::string("all"),
          std::string("n[1-2]"), std::string("@a"), std::string("\xc3\xa9"), std::string(300, 'a'),
          std::string("10.0.0.1"), std::string("1"), std::string("n1.7"), std::string("0x7f"),
          std::string(64, 'a')})
        EXPECT_EQ(check("node", name.c_str(), "{}").substr(0, 18), "invalid node name ") << name;
    EXPECT_EQ(
        check("node", "10.0.0.1", "{}"),
        R"(invalid node name "10.0.0.1": its last part is a number, as that of an address; put a letter )"
        "into it");
    EXPECT_EQ(check("group", "2024", "{}"), "{}");
    EXPECT_EQ(check("node", "a\nb", "{}"),
              R"(invalid node name "a\nb": use letters, digits, '.', '_' and '-' only)");
}

TEST(Objects, ReferToGroupsThatExistAndAreAcyclic) {
    EXPECT_EQ(check_set(object("node", "n1", R"({"groups":["a","~b"]})"),
                        object("group", "a", R"({"groups":["b"]})"), object("group", "b", "{}")),
              "");
    EXPECT_EQ(check_set(object("node", "n1", R"({"groups":["comptue"]})"), object("group", "compute", "{}")),
              "node n1: groups: no group 'comptue'; did you mean 'compute'?");
    EXPECT_EQ(check_set(object("group", "a", R"({"groups":["b"]})"),
                        object("group", "b", R"({"groups":["c"]})"),
                        object("group", "c", R"({"groups":["b"]})")),
              "group b: includes itself: b -> c -> b");
}

TEST(Objects, AreUnique) {
    EXPECT_EQ(check_set(object("node", "n1", R"({"macs":["525400123456"]})"),
                        object("node", "n2", R"({"interfaces":{"e":{"mac":"52:54:00:12:34:56"}}})")),
              "node n1 and node n2: both have the MAC address 52:54:00:12:34:56");
    EXPECT_EQ(check_set(object("node", "n1",
                               R"({"macs":["525400123456"],"interfaces":{"e":{"mac":)"
                               R"("525400123456"}}})")),
              "");
    EXPECT_EQ(check_set(object("node", "n1", R"({"uuid":"f2c626b7-2c0f-41b4-88b8-2edf5cd49a54"})"),
                        object("node", "n2", R"({"uuid":"F2C626B72C0F41B488B82EDF5CD49A54"})")),
              "node n1 and node n2: both have the UUID f2c626b7-2c0f-41b4-88b8-2edf5cd49a54");
    EXPECT_EQ(check_set(object("node", "N1", "{}"), object("node", "n1", "{}")),
              "node N1 and node n1: both have the name (in whatever case) node n1");
    EXPECT_EQ(check_set(object("node", "x", "{}"), object("group", "x", "{}")), "");
}

TEST(Objects, HaveTypedFields) {
    EXPECT_EQ(field_type("node", "macs"), FieldType::texts);
    EXPECT_EQ(field_type("node", "bmc.user"), FieldType::text);
    EXPECT_EQ(field_type("node", "values.a.b"), FieldType::any);
    EXPECT_EQ(field_type("node", "interfaces.eth0"), FieldType::object);
    EXPECT_EQ(field_type("node", "interfaces.eth0.mtu"), FieldType::number);
    EXPECT_EQ(describe(field_type("node", "interfaces.eth0.adress").error()),
              "interfaces.eth0.adress: unknown field; did you mean 'address'?");
    EXPECT_EQ(describe(field_type("node", "uuid.x").error()), "uuid.x: uuid has no fields");
    EXPECT_EQ(describe(field_type("group", "match.x").error()), "match.x: match has no fields");
}

} // namespace
} // namespace mangrove::head
