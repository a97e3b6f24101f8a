#include <gtest/gtest.h>

#include "base/utf8.h"

namespace mangrove {
namespace {

TEST(Utf8, KnowsWhatIsNone) {
    for (const char* text : {"", "a", "\xc3\xa9", "\xe2\x82\xac", "\xf0\x9f\x8c\xb1 a"})
        EXPECT_TRUE(is_utf8(text)) << text;
    for (const char* text : {"\x80", "a\xc3", "\xc0\x80", "\xed\xa0\x80", "\xf5\x80\x80\x80", "\xff"})
        EXPECT_FALSE(is_utf8(text)) << text;
}

TEST(Utf8, ALineHasNoControlCharacters) {
    EXPECT_TRUE(is_one_line("/usr/bin/caf\xc3\xa9"));
    for (std::string_view text : {"a\nb", "a\tb", "\x7f", "\xff"})
        EXPECT_FALSE(is_one_line(text));
    EXPECT_FALSE(is_one_line(std::string_view("a\0b", 3)));
}

} // namespace
} // namespace mangrove
