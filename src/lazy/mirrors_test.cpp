#include "lazy/mirrors.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace mangrove::lazy {
namespace {

Mirrors mirrors_of(std::initializer_list<const char*> urls) {
    std::vector<Url> parsed;
    for (const char* url : urls)
        parsed.push_back(*Url::parse(url));
    return Mirrors(parsed);
}
constexpr Time kStart = Time(seconds(100));

TEST(Mirrors, AreTriedInTheirOrder) {
    Mirrors mirrors = mirrors_of({"http://a/f", "http://b/f"});
    EXPECT_EQ(mirrors.choose(kStart), 0U);
    mirrors.failed(0, "away", kStart, seconds(0), 0);
    EXPECT_EQ(mirrors.choose(kStart), 1U);
    mirrors.failed(1, "away, too", kStart, seconds(0), 0);
    EXPECT_EQ(mirrors.choose(kStart), std::nullopt);
    EXPECT_EQ(mirrors.reason(), "http://a/f: away; http://b/f: away, too");
    EXPECT_EQ(mirrors.next_resumption(), kStart + milliseconds(250));
    EXPECT_EQ(mirrors.choose(kStart + milliseconds(250)), 0U) << "the first again";
    mirrors.succeeded(0);
    EXPECT_EQ(mirrors.reason(), "http://b/f: away, too");
}

TEST(Mirrors, AreLeftAloneLongerAndLonger) {
    Mirrors mirrors = mirrors_of({"http://a/f"});
    Time now = kStart;
    std::vector<milliseconds> pauses;
    for (int failure = 0; failure < 7; ++failure) {
        mirrors.failed(0, "away", now, seconds(0), 0);
        mirrors.failed(0, "away", now, seconds(0), 0); // a request that was under way with it
        pauses.push_back(std::chrono::ceil<milliseconds>(mirrors.next_resumption() - now));
        now = mirrors.next_resumption();
    }
    using std::chrono::milliseconds;
    EXPECT_THAT(pauses, testing::ElementsAre(milliseconds(250), milliseconds(500), milliseconds(1000),
                                             milliseconds(2000), milliseconds(4000), milliseconds(8000),
                                             milliseconds(8000)));
}

TEST(Mirrors, AreLeftAloneAsTheyAsk) {
    Mirrors mirrors = mirrors_of({"http://a/f"});
    mirrors.failed(0, "busy", kStart, seconds(20), 0);
    EXPECT_EQ(mirrors.next_resumption(), kStart + seconds(20));
    mirrors.failed(0, "busy", kStart, seconds(86400), 0);
    EXPECT_EQ(mirrors.next_resumption(), kStart + seconds(300)) << "not for ever";
}

TEST(Mirrors, FollowRedirectsWithoutCredentialsForOthers) {
    Mirrors mirrors = mirrors_of({"https://a/f"});
    EXPECT_TRUE(mirrors.is_at_home(0));
    ASSERT_TRUE(mirrors.follow(0, "https://a/g"));
    EXPECT_TRUE(mirrors.is_at_home(0));
    ASSERT_TRUE(mirrors.follow(0, "https://u:p@b/g"));
    EXPECT_FALSE(mirrors.is_at_home(0));
    EXPECT_EQ(mirrors[0].now.to_text(), "https://b/g");
    EXPECT_EQ(mirrors.follow(0, "http://b/g").error().what,
              "redirect from https to http refused: http://b/g");
    EXPECT_EQ(mirrors.follow(0, "tftp://b/g").error().what, "redirect away from HTTP refused: tftp://b/g");
    mirrors.failed(0, "away", kStart, seconds(0), 0);
    EXPECT_TRUE(mirrors.is_at_home(0)) << "where it was led to may be gone";
    for (int hop = 0; hop < 10; ++hop)
        ASSERT_TRUE(mirrors.follow(0, "https://a/g"));
    EXPECT_FALSE(mirrors.follow(0, "https://a/g"));
}

TEST(Mirrors, GoBackOnceFromWhereARedirectHasLed) {
    Mirrors mirrors = mirrors_of({"https://a/f"});
    EXPECT_FALSE(mirrors.go_back(0)) << "it is there";
    ASSERT_TRUE(mirrors.follow(0, "https://b/f?expires=1"));
    EXPECT_TRUE(mirrors.go_back(0));
    EXPECT_EQ(mirrors[0].now.to_text(), "https://a/f");
    ASSERT_TRUE(mirrors.follow(0, "https://b/f?expires=2"));
    EXPECT_FALSE(mirrors.go_back(0)) << "nothing was better there";
    mirrors.succeeded(0);
    EXPECT_TRUE(mirrors.go_back(0));
}

TEST(Shuffle, PutsEachUrlFirstAsOftenAsAnother) {
    std::map<std::string, int> first;
    for (unsigned number = 0; number < 30; ++number) {
        std::vector<Url> urls = {*Url::parse("http://a/"), *Url::parse("http://b/"),
                                 *Url::parse("http://c/")};
        const uint8_t chance[] = {0, static_cast<uint8_t>(number), static_cast<uint8_t>(number / 2)};
        shuffle(urls, chance);
        ++first[urls[0].host];
    }
    EXPECT_EQ(first, (std::map<std::string, int>{{"a", 10}, {"b", 10}, {"c", 10}}));
}

} // namespace
} // namespace mangrove::lazy
