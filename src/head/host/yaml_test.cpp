#include "head/host/yaml.h"

#include <gtest/gtest.h>

#include "head/host/json.h"

namespace mangrove::head {
namespace {

std::string read(const std::string& yaml) {
    Result<Json> json = parse_yaml(yaml, "f.yaml");
    return json ? print_json(*json) : "error: " + describe(json.error());
}

TEST(Yaml, IsReadAsJson) {
    EXPECT_EQ(read("a: 1\nb: [x, 2.5, true, null, ~]\nc:\n  d: {e: f}\n  empty:\n"),
              R"({"a":1,"b":["x",2.5,true,null,null],"c":{"d":{"e":"f"},"empty":null}})");
    EXPECT_EQ(read(R"({"a": [1, "x\n"], "b": {}})"), R"({"a":[1,"x\n"],"b":{}})");
    EXPECT_EQ(read("a: &x [1]\nb: *x\n"), R"({"a":[1],"b":[1]})");
    EXPECT_EQ(read(""), "null");
    EXPECT_EQ(read("12: 1\ntrue: 2\n"), R"({"12":1,"true":2})");
}

TEST(Yaml, KeepsWhatTheAuthorWrote) {
    for (const char* word : {"yes",        "no",
                             "on",         "off",
                             "y",          "n",
                             "True",       "NO",
                             "010",        "0x1F",
                             "0o17",       "1_000",
                             "1.10",       "1e3",
                             "+1",         "52:54:00:12:34:56",
                             "1:30",       "12345678901234567890",
                             "2026-11-29", ".inf",
                             ".nan",       "1."})
        EXPECT_EQ(read(text("a: ", word)), text(R"({"a":")", word, R"("})"));
    EXPECT_EQ(read("a: \"1\"\nb: 'true'\nc: !!str 7\n"), R"({"a":"1","b":"true","c":"7"})");
}

TEST(Yaml, ErrorsNameTheLine) {
    EXPECT_EQ(read("a: 1\nb: [1\nc: 2\n").substr(0, 15), "error: f.yaml:3");
    EXPECT_EQ(read("a: 1\nb:\n  a: 2\n  a: 3\n"), "error: f.yaml:4: the key 'a' occurs twice");
    EXPECT_EQ(read("a: &b {c: 1}\nd:\n  <<: *b\n"), "error: f.yaml:3: merge keys (<<) are not supported");
    EXPECT_EQ(read("a: !!binary aGk=\n"),
              "error: f.yaml:1: unsupported tag 'tag:yaml.org,2002:binary'; remove it");
    EXPECT_EQ(read("a: 1\n---\nb: 2\n"), "error: f.yaml:3: a second document; put it into another file");
    EXPECT_EQ(read("? [1]\n: 2\n"), "error: f.yaml:1: a key is no text; quote it");
    EXPECT_EQ(read("a: \"x\\0y\"\n"), "error: f.yaml:1: a NUL byte in a text; remove it");
    EXPECT_EQ(read("a: *b\n").substr(0, 16), "error: f.yaml:1:");
}

TEST(Yaml, DoesNotExpandAliasesForEver) {
    std::string bomb = "a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n";
    for (int i = 1; i < 9; ++i) {
        std::string ten;
        for (int j = 0; j < 10; ++j)
            ten += text(j ? "," : "", "*a", i - 1);
        bomb += text("a", i, ": &a", i, " [", ten, "]\n");
    }
    EXPECT_NE(read(bomb).find("too many or too deeply nested values"), std::string::npos);
    EXPECT_EQ(read(std::string(100'000, '[')).substr(0, 6), "error:");
    EXPECT_EQ(read(std::string(1000, '[') + std::string(1000, ']')).substr(0, 6), "error:");
}

TEST(Yaml, IsWrittenAsItIsRead) {
    const char* json =
        R"({"a":1,"list":["x","yes","010","","a: b","- c","#d","~","1.10",1.5,true,null,[],{},"n\n","\"",[1,[2,{"k":[]}]]],)"
        R"("objects":[{"b":1,"c":{"d":2}},{}],"on":"off","key with: colon":"é","end:":" x ","52:54":"52:54:00:12:34:56","@g":"@g","!":"!x","":"=","s":"a\tb"})";
    Json original = *parse_json(json, "test");
    EXPECT_EQ(read(to_yaml(original.get())), print_json(original)) << to_yaml(original.get());
    EXPECT_EQ(to_yaml(parse_json(R"({"a":{"b":[1,"x y",{"c":1,"d":"no"}]}})", "")->get()),
              "a:\n  b:\n    - 1\n    - x y\n    - c: 1\n      d: \"no\"\n");
    EXPECT_EQ(to_yaml(make_json_object().get()), "{}\n");
}

} // namespace
} // namespace mangrove::head
