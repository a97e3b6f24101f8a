#include "base/text.h"

#include <gtest/gtest.h>

namespace mangrove {
namespace {

TEST(Text, JoinsWordsAndNumbers) {
    EXPECT_EQ(text("lun ", 7, ':', std::string("x"), uint8_t{200}), "lun 7:x200");
}

TEST(Text, SplitKeepsEmptyParts) {
    EXPECT_EQ(split("a::b:", ':'), (std::vector<std::string>{"a", "", "b", ""}));
    EXPECT_EQ(join(split("a::b:", ':'), "."), "a..b.");
}

TEST(Text, NumbersAreWholeWords) {
    EXPECT_EQ(parse_number("3260"), 3260u);
    EXPECT_EQ(parse_number("ff", 16), 255u);
    for (const char* bad : {"", " 1", "1 ", "-1", "+1", "0x10", "3260.5", "1e3", "18446744073709551616"})
        EXPECT_EQ(parse_number(bad), std::nullopt) << bad;
}

TEST(Text, FindsTheWordThatWasMeant) {
    std::vector<std::string> kinds = {"iscsi", "rbd", "nbd", "nvme", "loopback", "local"};
    EXPECT_EQ(closest("isci", kinds), "iscsi");
    EXPECT_EQ(closest("ISCSI", kinds), "iscsi");
    EXPECT_EQ(closest("icssi", kinds), "iscsi");
    EXPECT_EQ(closest("loopbak", kinds), "loopback");
    EXPECT_EQ(closest("sheepdog", kinds), "");
    EXPECT_EQ(closest("4", {"3", "4.0"}), "");
    EXPECT_EQ(did_you_mean("isci", kinds), "; did you mean 'iscsi'?");
    EXPECT_EQ(closest(std::string(100000, 'i'), kinds), "");
}

TEST(Text, HexWithAndWithoutSeparator) {
    const uint8_t address[] = {0x52, 0x54, 0x00, 0xab};
    EXPECT_EQ(hex(address, ':'), "52:54:00:ab");
    EXPECT_EQ(hex(address), "525400ab");
}

} // namespace
} // namespace mangrove
