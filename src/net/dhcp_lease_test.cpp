#include "net/dhcp_lease.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "net/dhcp_test_messages.h"
#include "net/domain_names.h"
#include "net/host_addresses.h"

namespace mangrove {

using testing::ElementsAre;
using testing::IsEmpty;

static Bytes to_bytes(std::string_view characters) {
    return Bytes(characters.begin(), characters.end());
}

static Lease lease_of(const DhcpMessage& message) {
    Result<Lease> lease = read_lease(message);
    EXPECT_TRUE(lease) << (lease ? "" : lease.error().what);
    return lease ? *lease : Lease();
}

static Lease lease_with(uint8_t code, Bytes value) {
    DhcpMessage message = plain_offer();
    message.options[code] = std::move(value);
    return lease_of(message);
}

TEST(DhcpLease, everything_that_dnsmasq_can_say) {
    Lease lease = lease_of(*decode_dhcp(captured_message("full_acknowledgement")));
    EXPECT_EQ(lease.address.to_text(), "192.0.2.77");
    EXPECT_EQ(lease.prefix_length, 24u);
    EXPECT_EQ(lease.broadcast->to_text(), "192.0.2.255");
    EXPECT_EQ(lease.server.to_text(), "192.0.2.1");
    EXPECT_EQ(lease.lifetime, seconds(120));
    EXPECT_EQ(lease.renewal_time, seconds(60));
    EXPECT_EQ(lease.rebinding_time, seconds(105));
    EXPECT_THAT(to_texts(lease.routers), IsEmpty()) << "classless routes take their place";
    ASSERT_EQ(lease.routes.size(), 3u);
    EXPECT_EQ(lease.routes[0], (ClasslessRoute{IpAddress(), 0, *IpAddress::parse("192.0.2.254")}));
    EXPECT_EQ(lease.routes[1],
              (ClasslessRoute{*IpAddress::parse("198.51.100.0"), 25, *IpAddress::parse("192.0.2.253")}));
    EXPECT_EQ(lease.routes[2], (ClasslessRoute{*IpAddress::parse("203.0.113.7"), 32, IpAddress()}));
    EXPECT_THAT(to_texts(lease.name_servers), ElementsAre("192.0.2.1", "192.0.2.2"));
    EXPECT_THAT(to_texts(lease.time_servers), ElementsAre("192.0.2.3"));
    EXPECT_EQ(lease.host_name, "node7");
    EXPECT_EQ(lease.domain, "cluster.example");
    EXPECT_THAT(lease.search, ElementsAre("cluster.example", "storage.cluster.example", "example.org"));
    EXPECT_EQ(lease.mtu, 1400);
    EXPECT_EQ(lease.root_path, "iscsi:192.0.2.1:6:3260:1:iqn.2003-01.org.example:image");
    EXPECT_THAT(std::string(lease.options[224].begin(), lease.options[224].end()),
                testing::StartsWith("{\"name\":\"image.ext4\""));
    EXPECT_THAT(lease.ignored, IsEmpty());
}

TEST(DhcpLease, defaults_of_what_a_server_leaves_out) {
    DhcpMessage message = plain_offer();
    message.options.erase(dhcp_option::kSubnetMask);
    Lease lease = lease_of(message);
    EXPECT_EQ(lease.prefix_length, 24u);
    EXPECT_EQ(lease.broadcast->to_text(), "192.0.2.255");
    EXPECT_EQ(lease.renewal_time, seconds(1800));
    EXPECT_EQ(lease.rebinding_time, seconds(3150));
    message.your_address = *IpAddress::parse("10.0.0.5");
    EXPECT_EQ(lease_of(message).prefix_length, 8u);
    message.your_address = *IpAddress::parse("172.16.0.5");
    EXPECT_EQ(lease_of(message).prefix_length, 16u);
}

TEST(DhcpLease, without_a_lifetime_counts_for_an_hour) {
    DhcpMessage message = plain_offer();
    message.options.erase(dhcp_option::kLifetime);
    message.ignored = {"something else"};
    Lease lease = lease_of(message);
    EXPECT_EQ(lease.lifetime, seconds(3600));
    EXPECT_EQ(lease.renewal_time, seconds(1800));
    EXPECT_THAT(lease.ignored,
                ElementsAre("something else", "option 51 (lifetime) is missing or 0; using one hour"));
}

TEST(DhcpLease, a_lifetime_of_all_ones_is_for_ever) {
    Lease lease = lease_with(dhcp_option::kLifetime, {255, 255, 255, 255});
    EXPECT_FALSE(lease.lifetime);
    EXPECT_FALSE(lease.renewal_time);
}

TEST(DhcpLease, times_out_of_order_are_replaced) {
    DhcpMessage message = plain_offer();
    message.options[dhcp_option::kRenewalTime] = {0, 0, 0x0e, 0x11};
    message.options[dhcp_option::kRebindingTime] = {0, 0, 0x0e, 0x0f};
    Lease lease = lease_of(message);
    EXPECT_EQ(lease.renewal_time, seconds(1800));
    EXPECT_EQ(lease.rebinding_time, seconds(3599));
    message.options[dhcp_option::kRebindingTime] = {0, 0, 0, 10};
    EXPECT_EQ(lease_of(message).renewal_time, seconds(10));
}

TEST(DhcpLease, refuses_nonsense_in_what_it_cannot_do_without) {
    for (const std::optional<Bytes>& server :
         {std::optional<Bytes>(), std::optional(Bytes{255, 255, 255, 255}),
          std::optional(Bytes{192, 0, 2})}) {
        DhcpMessage message = plain_offer();
        message.options.erase(dhcp_option::kServer);
        if (server) message.options[dhcp_option::kServer] = *server;
        EXPECT_EQ(read_lease(message).error().what, "option 54 (server) is missing or not an address");
        message.next_server = *IpAddress::parse("192.0.2.3");
        Lease lease = lease_of(message);
        EXPECT_EQ(lease.server.to_text(), "192.0.2.3");
        EXPECT_THAT(
            lease.ignored,
            ElementsAre("option 54 (server) is missing or not an address; using the next server (siaddr)"));
    }
    for (std::string_view address : {"0.0.0.0", "127.0.0.1", "224.0.0.1", "255.255.255.255"}) {
        DhcpMessage message = plain_offer();
        message.your_address = *IpAddress::parse(address);
        Result<Lease> lease = read_lease(message);
        ASSERT_FALSE(lease);
        EXPECT_EQ(lease.error().what, text("the address ", address, " is not a host address"));
    }
}

TEST(DhcpLease, ignores_nonsense_in_the_rest_and_says_so) {
    struct Case {
        uint8_t code;
        Bytes value;
        std::string ignored;
    };
    for (const Case& wrong : std::vector<Case>{
             {dhcp_option::kSubnetMask,
              {255, 255, 255},
              "option 1 (subnet mask) is 'ffffff'; using a prefix length of 24"},
             {dhcp_option::kSubnetMask,
              {0, 0, 0, 0},
              "option 1 (subnet mask) is '00000000'; using a prefix length of 24"},
             {dhcp_option::kSubnetMask,
              {255, 0, 255, 0},
              "option 1 (subnet mask) is 'ff00ff00'; using a prefix length of 24"},
             {dhcp_option::kLifetime, {0, 0, 0, 0}, "option 51 (lifetime) is missing or 0; using one hour"},
             {dhcp_option::kRouters, {192, 0, 2, 1, 5}, "option 3 has 5 bytes, not a multiple of 4"},
             {dhcp_option::kNameServers, {}, "option 6 has 0 bytes, not a multiple of 4"},
             {dhcp_option::kHostName, to_bytes("a b"), "option 12 is 'a b', not a valid name"},
             {dhcp_option::kHostName, to_bytes("a\nnameserver 6.6.6.6"), "option 12 is not text"},
             {dhcp_option::kDomain, {0}, "option 15 is empty"},
             {dhcp_option::kDomain, to_bytes("x..y"), "option 15 is 'x..y', not a valid name"},
             {dhcp_option::kRootPath, {27, '[', 'm'}, "option 17 is not text"},
             {dhcp_option::kMtu, {1}, "option 26 has 1 bytes, not 2"},
             {dhcp_option::kMtu, {0, 67}, "option 26 is an MTU of 67"},
             {dhcp_option::kBroadcast, {0, 0, 0, 0}, "option 28 is not a broadcast address"},
             {dhcp_option::kRenewalTime, {1}, "option 58 has 1 bytes, not 4"},
             {dhcp_option::kSearch, {3, 'a', 'b'}, "option 119 is invalid: a label is truncated"},
             {dhcp_option::kSearch, {0xc0, 0}, "option 119 is invalid: a pointer does not point backwards"},
             {dhcp_option::kClasslessRoutes, {}, "option 121 is empty"},
             {dhcp_option::kClasslessRoutes,
              {33, 1, 2, 3, 4, 5, 1, 2, 3, 4},
              "option 121 has a prefix length of 33"},
             {dhcp_option::kClasslessRoutes, {24, 1, 2, 3, 4, 5, 6}, "option 121 is truncated"},
         }) {
        Lease lease = lease_with(wrong.code, wrong.value);
        EXPECT_THAT(lease.ignored, ElementsAre(wrong.ignored));
        EXPECT_EQ(lease.address.to_text(), "192.0.2.10");
    }
}

TEST(DhcpLease, routers_stay_when_the_classless_routes_make_no_sense) {
    DhcpMessage message = plain_offer();
    message.options[dhcp_option::kRouters] = address_bytes("192.0.2.254");
    message.options[dhcp_option::kClasslessRoutes] = {200};
    EXPECT_THAT(to_texts(lease_of(message).routers), ElementsAre("192.0.2.254"));
}

TEST(DhcpLease, a_destination_loses_the_bits_behind_its_prefix) {
    Lease lease = lease_with(dhcp_option::kClasslessRoutes, {9, 10, 255, 192, 0, 2, 1});
    ASSERT_EQ(lease.routes.size(), 1u);
    EXPECT_EQ(lease.routes[0].destination.to_text(), "10.128.0.0");
}

TEST(DhcpLease, the_same_server_twice_and_addresses_of_no_host_are_dropped) {
    Lease lease =
        lease_with(dhcp_option::kNameServers, {192, 0, 2, 1, 0, 0, 0, 0, 192, 0, 2, 1, 192, 0, 2, 2});
    EXPECT_THAT(to_texts(lease.name_servers), ElementsAre("192.0.2.1", "192.0.2.2"));
}

TEST(DhcpLease, a_text_may_end_in_its_terminator) {
    EXPECT_EQ(lease_with(dhcp_option::kHostName, {'n', '7', 0}).host_name, "n7");
}

TEST(DomainNames, are_read_with_pointers) {
    // RFC 3397's own example: eng.apple.com., marketing.apple.com.
    Bytes bytes = to_bytes(std::string_view("\3eng\5apple\3com\0\11marketing\xc0\4", 27));
    Result<std::vector<std::string>> names = decode_domain_names(bytes);
    ASSERT_TRUE(names) << describe(names.error());
    EXPECT_THAT(*names, ElementsAre("eng.apple.com", "marketing.apple.com"));
}

TEST(DomainNames, that_lead_nowhere_are_refused) {
    for (const Bytes& wrong : std::vector<Bytes>{
             {1, 'a', 0xc0, 0},       // to its own beginning
             {1, 'a', 0xc0, 5, 0, 0}, // forwards
             {1, 'a', 0xc0},          // half a pointer
             {1, 'a'},                // no end
             {0x40, 'a', 0},          // a label of another type
             {0},                     // the root
             {1, ' ', 0},             // no letter
         })
        EXPECT_FALSE(decode_domain_names(wrong)) << hex(wrong);
    Bytes long_name;
    for (int i = 0; i < 5; ++i) {
        long_name.push_back(63);
        long_name.insert(long_name.end(), 63, 'a');
    }
    long_name.push_back(0);
    EXPECT_FALSE(decode_domain_names(long_name));
}

TEST(DomainNames, what_a_name_is) {
    EXPECT_TRUE(is_domain_name("node-7"));
    EXPECT_TRUE(is_domain_name("rack_1.cluster.example."));
    for (std::string_view wrong : {"", ".", "a..b", "-a", "a b", "a/b", "ä"})
        EXPECT_FALSE(is_domain_name(wrong)) << wrong;
    EXPECT_FALSE(is_domain_name(std::string(64, 'a')));
    EXPECT_TRUE(is_domain_name(std::string(63, 'a')));
}

} // namespace mangrove
