#include "definition/encoding.h"

#include <gtest/gtest.h>

namespace mangrove::definition {
namespace {

TEST(Encoding, TakesBackWhatItMade) {
    for (const std::string& plain :
         {std::string("{}"), std::string(5000, 'x'), std::string("\xff\x00?>", 4)}) {
        Result<std::string> encoded = encode(plain);
        ASSERT_TRUE(encoded);
        EXPECT_TRUE(encoded->starts_with("base64:")) << *encoded;
        EXPECT_EQ(encoded->find_first_of("+/="), std::string::npos) << *encoded;
        EXPECT_EQ(decode(*encoded).value(), plain);
    }
    EXPECT_LT(encode(std::string(5000, 'x'))->size(), 100u);
}

TEST(Encoding, TakesOtherSpellings) {
    EXPECT_EQ(decode("mangrove.definition=base64:e30").value(), "{}");
    EXPECT_EQ(decode("e30=").value(), "{}");
    EXPECT_EQ(decode(" e30\n").value(), "{}");
    EXPECT_EQ(decode("Pz8/Pj4+").value(), "\?\?\?>>>");
    EXPECT_EQ(decode("Pz8_Pj4-").value(), "\?\?\?>>>");
}

TEST(Encoding, RefusesWhatIsDamaged) {
    EXPECT_EQ(decode("{}").error().what,
              "not base64url; it may be truncated: a kernel command line holds 2047 characters");
    EXPECT_EQ(decode("").error().what, "the definition is empty");
    std::string encoded = encode(std::string(5000, 'x')).value();
    EXPECT_EQ(decode(encoded.substr(0, encoded.size() - 8)).error().what,
              "the compressed definition is damaged; it may be truncated: a kernel command line holds 2047 "
              "characters");
    EXPECT_EQ(decode(encode(std::string(3 << 20, ' ')).value()).error().what,
              "the definition is larger than 1 MiB");
}

TEST(Encoding, SaysSoOfWhatWasCutOffAnywhere) {
    const std::string brief = R"({"name":"x"})";
    std::string list;
    for (int i = 0; i < 500; ++i)
        list += text(i * 7919 % 1000, ",");
    for (const std::string& plain : {brief, R"({"name":"x","numbers":[)" + list + "0]}"}) {
        std::string whole = encode(plain).value();
        EXPECT_EQ(decode_whole(whole), plain);
        for (size_t missing : {1U, 2U, 3U, 4U, 5U, 8U, 40U, 400U}) {
            if (missing + sizeof "base64:" >= whole.size()) continue;
            Result<std::string> decoded = decode_whole(whole.substr(0, whole.size() - missing));
            ASSERT_FALSE(decoded) << missing;
            EXPECT_NE(decoded.error().what.find("it may be truncated"), std::string::npos)
                << missing << ": " << decoded.error().what;
        }
    }
}

} // namespace
} // namespace mangrove::definition
