#include "iscsi/text_keys.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace mangrove::iscsi {
namespace {

using std::string_literals::operator""s;
using testing::ElementsAre;
using testing::HasSubstr;

Result<TextKeys> parse(const std::string& characters) {
    return TextKeys::parse(as_bytes(characters));
}

TEST(TextKeys, ReadsPairsInTheirOrder) {
    Result<TextKeys> keys = parse("TargetName=iqn.a\0TargetAddress=192.0.2.1:3260,1\0TargetName=iqn.b\0"s);
    ASSERT_TRUE(keys);
    EXPECT_THAT(keys->all(),
                ElementsAre(TextKey{"TargetName", "iqn.a"}, TextKey{"TargetAddress", "192.0.2.1:3260,1"},
                            TextKey{"TargetName", "iqn.b"}));
    EXPECT_EQ(keys->value("TargetName"), "iqn.a");
    EXPECT_EQ(keys->value("TargetAlias"), std::nullopt);
}

TEST(TextKeys, TakesEmptyTextEmptyValuesAndValuesWithEquals) {
    EXPECT_TRUE(parse("")->empty());
    EXPECT_EQ(parse("TargetAlias=\0"s)->value("TargetAlias"), "");
    EXPECT_EQ(parse("CHAP_N=a=b\0"s)->value("CHAP_N"), "a=b");
}

TEST(TextKeys, TakesNulsAtTheEndForPadding) {
    EXPECT_EQ(parse("MaxConnections=1\0\0\0"s)->all().size(), 1U);
}

TEST(TextKeys, RefusesWhatIsNoListOfPairs) {
    const std::string refused[] = {
        "MaxConnections=1",             // not ended
        "MaxConnections\0"s,            // no value
        "=1\0"s,                        // no key
        "maxConnections=1\0"s,          // a key begins with a capital
        "Max Connections=1\0"s,         // a blank in the key
        "A=1\0\0B=2\0"s,                // an empty pair between others
        "\0\0"s,                        // nothing but NULs
        std::string(64, 'K') + "=1\0"s, // a key of 64 characters
        "\xff\xfe=1\0"s,
    };
    for (const std::string& text : refused)
        EXPECT_FALSE(parse(text)) << testing::PrintToString(text);
    EXPECT_TRUE(parse(std::string(63, 'K') + "=1\0"s));
}

TEST(TextKeys, WritesWhatItReads) {
    TextKeys keys;
    keys.add("AuthMethod", "CHAP,None");
    keys.add("SessionType", "Normal");
    Bytes bytes = keys.to_bytes();
    EXPECT_EQ(std::string(bytes.begin(), bytes.end()), "AuthMethod=CHAP,None\0SessionType=Normal\0"s);
    EXPECT_EQ(TextKeys::parse(bytes)->all(), keys.all());
}

TEST(TextKeys, ShowsNothingUnprintableInAnError) {
    Result<TextKeys> keys = parse("no\x1b[31mkey" + std::string(200, 'x') + "\0"s);
    ASSERT_FALSE(keys);
    EXPECT_THAT(keys.error().what, HasSubstr("no?[31mkey"));
    EXPECT_LT(keys.error().what.size(), 150U);
}

TEST(BinaryValue, ReadsHexadecimalAndBase64) {
    EXPECT_EQ(parse_binary_value("0x00ff10"), (Bytes{0x00, 0xff, 0x10}));
    EXPECT_EQ(parse_binary_value("0XABCdef"), (Bytes{0xab, 0xcd, 0xef}));
    EXPECT_EQ(parse_binary_value("0x123"), (Bytes{0x01, 0x23}));
    EXPECT_EQ(parse_binary_value("0bAP8Q"), (Bytes{0x00, 0xff, 0x10}));
    EXPECT_EQ(parse_binary_value("0BAP8="), (Bytes{0x00, 0xff}));
    EXPECT_EQ(parse_binary_value("0b/w=="), (Bytes{0xff}));
    EXPECT_EQ(parse_binary_value("0b+w"), (Bytes{0xfb}));
}

TEST(BinaryValue, RefusesAnythingElse) {
    for (std::string_view value : {"", "0", "0x", "0b", "ff", "0xgg", "0x-1", "0b=", "0bA", "0bAAAAA",
                                   "0bA===", "0b A==", "0o17", "1x00", "0xff "})
        EXPECT_EQ(parse_binary_value(value), std::nullopt) << value;
    EXPECT_TRUE(parse_binary_value("0x" + std::string(2048, 'a')));
    EXPECT_FALSE(parse_binary_value("0x" + std::string(2050, 'a')));
    EXPECT_FALSE(parse_binary_value("0b" + std::string(1368, 'A')));
}

} // namespace
} // namespace mangrove::iscsi
