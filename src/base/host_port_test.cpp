#include "base/host_port.h"

#include <gtest/gtest.h>

#include "base/text.h"

namespace mangrove {
namespace {

std::string shown(std::string_view written) {
    std::optional<HostPort> split = split_host_port(written);
    if (!split) return "invalid";
    return split->port ? text(split->host, " port ", *split->port) : split->host;
}

TEST(HostPort, is_split_at_its_last_colon) {
    EXPECT_EQ(shown("head.example"), "head.example");
    EXPECT_EQ(shown("192.0.2.1:6789"), "192.0.2.1 port 6789");
    EXPECT_EQ(shown("[2001:db8::1]:3300"), "2001:db8::1 port 3300");
    EXPECT_EQ(shown("[2001:db8::1]"), "2001:db8::1");
    EXPECT_EQ(shown("2001:db8::1"), "2001:db8::1");
}

TEST(HostPort, needs_a_host_and_a_valid_port) {
    for (const char* written :
         {"", ":80", "[]:80", "host:", "host:0", "host:65536", "host:http", "[::1", "[::1]80"})
        EXPECT_EQ(shown(written), "invalid") << written;
}

TEST(HostPort, of_a_peer_is_left_out) {
    EXPECT_EQ(without_port("192.0.2.1:0"), "192.0.2.1");
    EXPECT_EQ(without_port("[::1]:871"), "[::1]");
}

TEST(HostPort, an_ipv6_address_gets_brackets) {
    EXPECT_EQ(bracketed("2001:db8::1"), "[2001:db8::1]");
    EXPECT_EQ(bracketed("192.0.2.1"), "192.0.2.1");
}

} // namespace
} // namespace mangrove
