#include "base/refusals.h"

#include <cerrno>
#include <gtest/gtest.h>

namespace mangrove {
namespace {

using Source = Refusals::Source;

const Error kAway = system_error(ECONNREFUSED, "connecting").error();
const Error kNoIpv6 = system_error(EAFNOSUPPORT, "making a socket").error();
const Error kNo = permanent_error("not for you").error();

Error joined(std::initializer_list<std::pair<Error, Source>> refusals) {
    Refusals collected;
    for (const auto& [error, source] : refusals)
        collected.add(error, source);
    return std::move(collected).to_error("nobody was asked").error();
}

TEST(Refusals, NameEveryAddress) {
    EXPECT_EQ(joined({{kAway, Source::server}, {kNo, Source::server}}).what,
              "connecting: Connection refused; not for you");
    EXPECT_EQ(joined({}).what, "nobody was asked");
    EXPECT_FALSE(joined({}).is_transient());
}

TEST(Refusals, ArePermanentOnceAServerHasSaidNo) {
    EXPECT_TRUE(joined({{kAway, Source::server}}).is_transient());
    EXPECT_FALSE(joined({{kAway, Source::server}, {kNo, Source::server}}).is_transient());
    EXPECT_FALSE(joined({{kNo, Source::server}, {kAway, Source::server}}).is_transient());
}

TEST(Refusals, StayTransientWhenOneWayThereIsNotOfThisMachine) {
    EXPECT_FALSE(joined({{kNoIpv6, Source::server}}).is_transient());
    EXPECT_TRUE(joined({{kNoIpv6, Source::server}, {kAway, Source::server}}).is_transient());
    EXPECT_TRUE(joined({{kNo, Source::resolver}, {kAway, Source::server}}).is_transient());
}

} // namespace
} // namespace mangrove
