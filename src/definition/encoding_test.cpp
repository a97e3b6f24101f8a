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
              "not base64url; it may have been cut off: a kernel command line holds 2047 characters");
    EXPECT_EQ(decode("").error().what, "the definition is empty");
    std::string encoded = encode(std::string(5000, 'x')).value();
    EXPECT_EQ(decode(encoded.substr(0, encoded.size() - 8)).error().what,
              "the compressed definition is damaged or cut short");
    EXPECT_EQ(decode(encode(std::string(3 << 20, ' ')).value()).error().what,
              "the definition is larger than 1 MiB");
}

} // namespace
} // namespace mangrove::definition
