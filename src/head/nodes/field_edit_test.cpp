#include "head/nodes/field_edit.h"

#include <gtest/gtest.h>

#include "head/host/json.h"

namespace mangrove::head {
namespace {

std::string set(const char* before, const char* assignment) {
    Object object{.noun = "node", .name = "n1", .fields = *parse_json(before, "test")};
    Result<> done = set_field(object, assignment);
    return done ? print_json(object.fields) : describe(done.error());
}

std::string unset(const char* before, const char* path) {
    Object object{.noun = "node", .name = "n1", .fields = *parse_json(before, "test")};
    Result<> done = unset_field(object, path);
    return done ? print_json(object.fields) : describe(done.error());
}

TEST(FieldEdit, SetsWhatTheFieldTakes) {
    EXPECT_EQ(set("{}", "groups=a,b"), R"({"groups":["a","b"]})");
    EXPECT_EQ(set(R"({"groups":["a"]})", "groups="), R"({"groups":[]})");
    EXPECT_EQ(set("{}", "bmc.user=007"), R"({"bmc":{"user":"007"}})");
    EXPECT_EQ(set("{}", "values.a.b=3"), R"({"values":{"a":{"b":3}}})");
    EXPECT_EQ(set("{}", "values.a=on"), R"({"values":{"a":"on"}})");
    EXPECT_EQ(set("{}", "values.a=x=y"), R"({"values":{"a":"x=y"}})");
    EXPECT_EQ(set("{}", R"(values.a={"b":[1]})"), R"({"values":{"a":{"b":[1]}}})");
    EXPECT_EQ(set("{}", "values.l!=[1]"), R"({"values":{"l!":[1]}})");
    EXPECT_EQ(set("{}", "interfaces.eth0.mtu=9000"), R"({"interfaces":{"eth0":{"mtu":9000}}})");
}

TEST(FieldEdit, EditsLists) {
    EXPECT_EQ(set(R"({"groups":["a"]})", "groups+=b,a"), R"({"groups":["a","b"]})");
    EXPECT_EQ(set(R"({"groups":["a","b"]})", "groups-=a"), R"({"groups":["b"]})");
    EXPECT_EQ(set("{}", "groups-=a"), "{}");
    EXPECT_EQ(set("{}", "values.l+=x"), R"({"values":{"l":["x"]}})");
    EXPECT_EQ(set(R"({"values":{"l":[1,2]}})", "values.l-=[2,3]"), R"({"values":{"l":[1]}})");
    EXPECT_EQ(set(R"({"macs":["52:54:00:00:00:01"]})", "macs-=525400000001"), R"({"macs":[]})");
    EXPECT_EQ(set(R"({"values":{"l":1}})", "values.l+=2"), "values.l: not a list; use = to replace it");
}

TEST(FieldEdit, SaysWhatIsWrong) {
    EXPECT_EQ(set("{}", "groups"), "'groups': expected FIELD=VALUE, FIELD+=VALUE or FIELD-=VALUE");
    EXPECT_EQ(set("{}", "group=a"),
              "group: unknown field; did you mean 'groups'? (for a value: values.group)");
    EXPECT_EQ(set("{}", "values.a=[1"), "values.a: \"[1\" is not JSON");
    EXPECT_EQ(set("{}", "values.=1"), "'values.=1': a key is empty");
    EXPECT_EQ(set(R"({"values":{"a":1}})", "values.a.b=1"), "values.a.b: a is no object");
}

TEST(FieldEdit, Unsets) {
    EXPECT_EQ(unset(R"({"uuid":"x","values":{"a":1,"b":2}})", "values.a"),
              R"({"uuid":"x","values":{"b":2}})");
    EXPECT_EQ(unset("{}", "values.a.b"), "{}");
    EXPECT_EQ(unset("{}", "bmc.usr"), "bmc.usr: unknown field; did you mean 'user'?");
}

} // namespace
} // namespace mangrove::head
