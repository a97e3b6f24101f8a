#include "net/router_options.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "net/host_addresses.h"
#include "net/router_test_options.h"

namespace mangrove {

using testing::ElementsAre;
using testing::IsEmpty;

static Bytes together(const Bytes& one, const Bytes& other) {
    Bytes all = one;
    all.insert(all.end(), other.begin(), other.end());
    return all;
}

TEST(RouterOptions, tell_name_servers_and_search_domains) {
    ResolverAdvice advice;
    // As dnsmasq 2.90 sends them (but for the source's link-layer address, which is not ours to read).
    advice.take(together(name_servers_option({"2001:db8::53", "2001:db8::54"}),
                         search_option({"cluster", "example"})));
    EXPECT_THAT(to_texts(advice.name_servers), ElementsAre("2001:db8::53", "2001:db8::54"));
    EXPECT_THAT(advice.search, ElementsAre("cluster.example"));
    EXPECT_THAT(advice.ignored, IsEmpty());
}

TEST(RouterOptions, are_added_up_and_taken_away) {
    ResolverAdvice advice;
    advice.take(name_servers_option({"2001:db8::53"}));
    advice.take(name_servers_option({"2001:db8::54"}));
    advice.take(name_servers_option({"2001:db8::54"}));
    advice.take(search_option({"example"}));
    EXPECT_THAT(to_texts(advice.name_servers), ElementsAre("2001:db8::53", "2001:db8::54"));
    advice.take(name_servers_option({"2001:db8::53"}, 0));
    advice.take(search_option({"example"}, 0));
    EXPECT_THAT(to_texts(advice.name_servers), ElementsAre("2001:db8::54"));
    EXPECT_THAT(advice.search, IsEmpty());
}

TEST(RouterOptions, of_many_routers_are_bounded) {
    ResolverAdvice advice;
    for (int number = 1; number < 1000; ++number) {
        advice.take(name_servers_option({"2001:db8::" + std::to_string(number)}));
        advice.take(search_option({"n" + std::to_string(number), "example"}));
        advice.take(Bytes{25, 0, 0, 0, 0, 0, 0, 9});
        advice.take(Bytes{static_cast<uint8_t>(number), 0, 0, 0, 0, 0, 0, 9});
    }
    EXPECT_EQ(advice.name_servers.size(), 16u);
    EXPECT_EQ(advice.name_servers.front().to_text(), "2001:db8::1");
    EXPECT_EQ(advice.search.size(), 16u);
    EXPECT_EQ(advice.ignored.size(), 16u);
}

TEST(RouterOptions, that_are_of_no_use_are_left_out) {
    Bytes of_other_use(16);
    of_other_use[0] = 24; // a route
    of_other_use[1] = 2;
    ResolverAdvice advice;
    advice.take(together(of_other_use, name_servers_option({"fe80::1", "ff02::fb", "::1", "2001:db8::53"})));
    advice.take({});
    EXPECT_THAT(to_texts(advice.name_servers), ElementsAre("2001:db8::53"));
    EXPECT_THAT(advice.ignored, IsEmpty());
}

TEST(RouterOptions, that_make_no_sense_are_told_of) {
    struct Case {
        Bytes bytes;
        std::string problem;
    };
    for (const Case& wrong : std::vector<Case>{
             {{25, 0, 0, 0, 0, 0, 0, 9, 1, 2}, "option 25 of a router is truncated"},
             {{25, 3, 0, 0, 0, 0, 0, 9, 0x20, 1}, "option 25 of a router is truncated"},
             {{31, 2, 0, 0, 0, 0, 0, 9, 7, 'e', 'x', 0, 0, 0, 0, 0},
              "option 31 (search list) is invalid: a label is truncated"},
             {{31, 2, 0, 0, 0, 0, 0, 9, 2, '.', '/', 0, 0, 0, 0, 0},
              "option 31 (search list) is invalid: invalid domain name"},
         }) {
        ResolverAdvice advice;
        advice.take(wrong.bytes);
        EXPECT_THAT(advice.ignored, ElementsAre(wrong.problem));
        EXPECT_THAT(advice.name_servers, IsEmpty());
        EXPECT_THAT(advice.search, IsEmpty());
    }
}

} // namespace mangrove
