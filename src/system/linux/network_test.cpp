#include "system/linux/network.h"

#include <algorithm>
#include <arpa/inet.h>
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/socket.h>

#include "system/fake/neighbour.h"

// The kernel itself, in a network namespace of this test's own.
namespace mangrove {

using testing::HasSubstr;

static IpAddress ip(std::string_view written) {
    return *IpAddress::parse(written);
}

class LinuxNetworkTest : public testing::Test {
  protected:
    void SetUp() override {
        if (!enter_network_namespace()) GTEST_SKIP() << "a network namespace takes root";
    }
    Link find(const std::string& name) {
        Result<std::vector<Link>> links = network_.links();
        EXPECT_TRUE(links);
        for (const Link& link : *links)
            if (link.name == name) return link;
        return {};
    }
    static Deadline soon() { return Clock::now() + seconds(5); }
    /// Waits for link changes until the link has carrier.
    Link wait_for_carrier(const std::string& name) {
        for (;;) {
            Link link = find(name);
            if (link.carrier == Carrier::present) return link;
            Result<std::optional<NetworkEvent>> event = network_.wait(soon());
            if (!event || !*event) return link;
        }
    }

    LinuxNetwork network_;
};

TEST_F(LinuxNetworkTest, links_are_told_as_they_are) {
    ASSERT_TRUE(run_command("ip link add card type veth peer name other address 52:54:00:00:00:02"));
    Link loopback = find("lo");
    EXPECT_EQ(loopback.type, Link::Type::loopback);
    EXPECT_EQ(loopback.state, LinkState::down);
    EXPECT_FALSE(loopback.is_card());
    Link other = find("other");
    EXPECT_EQ(other.type, Link::Type::ethernet);
    EXPECT_EQ(other.kind, "veth");
    EXPECT_TRUE(other.is_card());
    EXPECT_EQ(other.mac.to_text(), "52:54:00:00:00:02");
    EXPECT_EQ(other.mtu, 1500u);
    EXPECT_EQ(other.carrier, Carrier::absent);
}

TEST_F(LinuxNetworkTest, a_link_is_set_up_and_down_and_its_carrier_wakes_the_wait) {
    ASSERT_TRUE(run_command("ip link add card type veth peer name other"));
    ASSERT_TRUE(network_.set_link_state(find("card"), LinkState::up));
    EXPECT_EQ(find("card").state, LinkState::up);
    EXPECT_EQ(find("card").carrier, Carrier::absent);
    ASSERT_TRUE(network_.set_link_state(find("other"), LinkState::up));
    EXPECT_EQ(wait_for_carrier("card").carrier, Carrier::present);
    ASSERT_TRUE(network_.set_link_state(find("card"), LinkState::down));
    EXPECT_EQ(find("card").state, LinkState::down);
}

TEST_F(LinuxNetworkTest, a_wait_without_news_ends_at_its_deadline) {
    find("lo");
    Time begin = Clock::now();
    Result<std::optional<NetworkEvent>> event = network_.wait(begin + milliseconds(50));
    ASSERT_TRUE(event);
    EXPECT_FALSE(*event);
    EXPECT_GE(Clock::now() - begin, milliseconds(50));
    event = network_.wait(begin);
    ASSERT_TRUE(event);
    EXPECT_FALSE(*event);
}

TEST_F(LinuxNetworkTest, mtu_and_mac_are_set) {
    ASSERT_TRUE(run_command("ip link add card type veth peer name other"));
    ASSERT_TRUE(network_.set_mtu(find("card"), 9000));
    ASSERT_TRUE(network_.set_mac(find("card"), *MacAddress::parse("52-54-00-0a-0b-0c")));
    EXPECT_EQ(find("card").mtu, 9000u);
    EXPECT_EQ(find("card").mac.to_text(), "52:54:00:0a:0b:0c");
}

TEST_F(LinuxNetworkTest, a_link_is_renamed_while_it_is_down) {
    ASSERT_TRUE(run_command("ip link add card type veth peer name other"));
    int index = find("card").index;
    ASSERT_TRUE(network_.rename_link(find("card"), "lan0"));
    EXPECT_EQ(find("lan0").index, index);
    Result<> taken = network_.rename_link(find("lan0"), "other");
    ASSERT_FALSE(taken);
    EXPECT_EQ(taken.error().what, "renaming lan0 to other: File exists");
}

TEST_F(LinuxNetworkTest, an_address_comes_with_its_lifetime_and_goes) {
    ASSERT_TRUE(run_command("ip link add card type veth peer name other && ip link set card up"));
    InterfaceAddress address;
    address.address = ip("192.0.2.10");
    address.prefix_length = 24;
    address.broadcast = ip("192.0.2.255");
    address.lifetime = seconds(3600);
    ASSERT_TRUE(network_.add_address(find("card"), address));
    Result<std::vector<InterfaceAddress>> told = network_.addresses(find("card"));
    ASSERT_TRUE(told);
    ASSERT_EQ(told->size(), 1u);
    EXPECT_EQ(told->front().to_text(), "192.0.2.10/24");
    EXPECT_EQ(told->front().broadcast, address.broadcast);
    EXPECT_EQ(told->front().scope, InterfaceAddress::Scope::global);
    EXPECT_FALSE(told->front().peer);
    ASSERT_TRUE(told->front().lifetime);
    EXPECT_NEAR(static_cast<double>(told->front().lifetime->count()), 3600, 5);
    EXPECT_TRUE(network_.add_address(find("card"), address)) << "a second time only changes the lifetime";
    ASSERT_TRUE(network_.remove_address(find("card"), address));
    EXPECT_TRUE(network_.addresses(find("card"))->empty());
}

TEST_F(LinuxNetworkTest, an_ipv6_address_can_be_used_at_once) {
    ASSERT_TRUE(run_command(
        "ip link add card type veth peer name other && ip link set card up && ip link set other up"));
    InterfaceAddress address;
    address.address = ip("2001:db8::10");
    address.prefix_length = 64;
    ASSERT_TRUE(network_.add_address(find("card"), address));
    EXPECT_TRUE(run_command("test -z \"$(ip -6 address show dev card tentative scope global)\""));
    Result<std::vector<InterfaceAddress>> told = network_.addresses(find("card"));
    ASSERT_TRUE(told);
    auto global = std::ranges::find(*told, InterfaceAddress::Scope::global, &InterfaceAddress::scope);
    ASSERT_NE(global, told->end());
    EXPECT_EQ(global->to_text(), "2001:db8::10/64");
    EXPECT_FALSE(global->lifetime);
}

TEST_F(LinuxNetworkTest, routes_are_made_as_told) {
    ASSERT_TRUE(run_command(
        "ip link add card type veth peer name other && ip link set card up && ip link set other up"));
    InterfaceAddress address;
    address.address = ip("192.0.2.10");
    address.prefix_length = 24;
    ASSERT_TRUE(network_.add_address(find("card"), address));
    Route route;
    route.gateway = ip("192.0.2.1");
    route.source = address.address;
    route.metric = 1024;
    route.origin = RouteOrigin::dhcp;
    ASSERT_TRUE(network_.add_route(find("card"), route));
    EXPECT_TRUE(run_command("ip route show default | grep -q "
                            "'^default via 192.0.2.1 dev card proto dhcp src 192.0.2.10 metric 1024'"));
    Route far;
    far.destination = ip("198.51.100.0");
    far.prefix_length = 24;
    far.gateway = ip("203.0.113.1");
    Result<> refused = network_.add_route(find("card"), far);
    ASSERT_FALSE(refused);
    EXPECT_THAT(
        refused.error().what,
        HasSubstr("adding the route 198.51.100.0/24 via 203.0.113.1 on card: Nexthop has invalid gateway"));
    far.gateway_check = GatewayCheck::on_link;
    EXPECT_TRUE(network_.add_route(find("card"), far));
    Route direct;
    direct.destination = ip("203.0.113.7");
    direct.prefix_length = 32;
    EXPECT_TRUE(network_.add_route(find("card"), direct));
    EXPECT_TRUE(run_command("ip route show 203.0.113.7 | grep -q 'dev card proto static scope link'"));
}

TEST_F(LinuxNetworkTest, a_default_route_of_a_second_card_stands_behind_that_of_the_first) {
    ASSERT_TRUE(run_command("ip link add card type veth peer name other"
                            " && ip link set card up && ip link set other up"
                            " && ip address add 192.0.2.10/24 dev card"
                            " && ip address add 198.51.100.10/24 dev other"));
    Route route;
    route.metric = 1024;
    route.gateway = ip("192.0.2.1");
    ASSERT_TRUE(network_.add_route(find("card"), route));
    route.gateway = ip("198.51.100.1");
    ASSERT_TRUE(network_.add_route(find("other"), route));
    ASSERT_TRUE(network_.add_route(find("other"), route)) << "it is there";
    EXPECT_TRUE(run_command("test $(ip route show default | wc -l) = 2"));
    EXPECT_TRUE(run_command("ip route get 203.0.113.1 | grep -q 'via 192.0.2.1 dev card'"));
}

TEST_F(LinuxNetworkTest, an_error_names_operation_and_object) {
    Link none;
    none.index = 4711;
    none.name = "none0";
    Result<> result = network_.set_link_state(none, LinkState::up);
    ASSERT_FALSE(result);
    EXPECT_THAT(result.error().what, HasSubstr("setting none0 up"));
    EXPECT_THAT(result.error().what, HasSubstr("No such device"));
    EXPECT_EQ(result.error().code, ENODEV);
    EXPECT_FALSE(network_.open_dhcp(none));
    EXPECT_FALSE(network_.send_dhcp(none, Bytes(300)));
}

TEST_F(LinuxNetworkTest, a_dhcp_message_arrives_from_port_67_only_on_its_link) {
    ASSERT_TRUE(run_command("ip link add card type veth peer name other && ip link set card up && "
                            "ip link set other up && ip address add 192.0.2.1/24 dev other"));
    ASSERT_EQ(wait_for_carrier("card").carrier, Carrier::present);
    ASSERT_TRUE(network_.open_dhcp(find("card")));
    UniqueFd server(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    int yes = 1;
    ASSERT_EQ(::setsockopt(server.get(), SOL_SOCKET, SO_BROADCAST, &yes, sizeof yes), 0);
    auto send_to_port = [&](uint16_t port, const std::string& message) {
        sockaddr_in to = {};
        to.sin_family = AF_INET;
        to.sin_port = htons(port);
        to.sin_addr.s_addr = inet_addr("192.0.2.255");
        return ::sendto(server.get(), message.data(), message.size(), 0, reinterpret_cast<sockaddr*>(&to),
                        sizeof to);
    };
    ASSERT_GT(send_to_port(69, "not for us"), 0);
    ASSERT_GT(send_to_port(68, "for us"), 0);
    for (;;) {
        Result<std::optional<NetworkEvent>> event = network_.wait(soon());
        ASSERT_TRUE(event);
        ASSERT_TRUE(*event) << "the packet did not arrive";
        if ((*event)->kind == NetworkEvent::Kind::link_changed) continue;
        EXPECT_EQ((*event)->link_index, find("card").index);
        EXPECT_EQ(std::string((*event)->message.begin(), (*event)->message.end()), "for us");
        break;
    }
    network_.close_dhcp(find("card"));
    ASSERT_GT(send_to_port(68, "too late"), 0);
    for (Deadline deadline = Clock::now() + milliseconds(100);;) {
        Result<std::optional<NetworkEvent>> event = network_.wait(deadline);
        ASSERT_TRUE(event);
        if (!*event) break;
        EXPECT_EQ((*event)->kind, NetworkEvent::Kind::link_changed);
    }
}

TEST_F(LinuxNetworkTest, a_dhcp_broadcast_reaches_port_67_with_right_checksums) {
    ASSERT_TRUE(
        run_command("ip link add card type veth peer name other && ip link set card up && "
                    "ip link set other up && ip address add 192.0.2.1/24 dev other && "
                    "for each in all other; do echo 0 > /proc/sys/net/ipv4/conf/$each/rp_filter; done"));
    ASSERT_EQ(wait_for_carrier("card").carrier, Carrier::present);
    UniqueFd server(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    sockaddr_in at = {};
    at.sin_family = AF_INET;
    at.sin_port = htons(67);
    ASSERT_EQ(::bind(server.get(), reinterpret_cast<sockaddr*>(&at), sizeof at), 0);
    timeval limit = {1, 0};
    ASSERT_EQ(::setsockopt(server.get(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit), 0);
    ASSERT_TRUE(network_.open_dhcp(find("card")));
    char received[100];
    sockaddr_in from = {};
    socklen_t from_size = sizeof from;
    ssize_t size = -1;
    // A card that has just come up can still drop what is sent.
    for (int tries = 0; size < 0 && tries < 10; ++tries) {
        ASSERT_TRUE(network_.send_dhcp(find("card"), as_bytes("who am I?")));
        size = ::recvfrom(server.get(), received, sizeof received, 0, reinterpret_cast<sockaddr*>(&from),
                          &from_size);
    }
    ASSERT_EQ(size, 9);
    EXPECT_EQ(std::string(received, 9), "who am I?");
    EXPECT_EQ(from.sin_addr.s_addr, 0u);
    EXPECT_EQ(ntohs(from.sin_port), 68);
}

TEST_F(LinuxNetworkTest, tcp_connects_or_says_why_not) {
    ASSERT_TRUE(network_.set_link_state(find("lo"), LinkState::up));
    UniqueFd server(::socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_in6 at = {};
    at.sin6_family = AF_INET6;
    at.sin6_addr = in6addr_loopback;
    at.sin6_port = htons(3260);
    ASSERT_EQ(::bind(server.get(), reinterpret_cast<sockaddr*>(&at), sizeof at), 0);
    ASSERT_EQ(::listen(server.get(), 1), 0);
    Result<UniqueFd> connected = network_.connect_tcp(ip("::1"), 3260, soon());
    ASSERT_TRUE(connected) << describe(connected.error());
    EXPECT_EQ(::fcntl(connected->get(), F_GETFL) & O_NONBLOCK, 0);
    Result<UniqueFd> refused = network_.connect_tcp(ip("::1"), 3261, soon());
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().what, "connecting to [::1]:3261: Connection refused");
    EXPECT_TRUE(refused.error().is_transient());
    Result<UniqueFd> unreachable = network_.connect_tcp(ip("192.0.2.1"), 3260, soon());
    ASSERT_FALSE(unreachable);
    EXPECT_EQ(unreachable.error().what, "connecting to 192.0.2.1:3260: Network is unreachable");
    EXPECT_TRUE(unreachable.error().is_transient());
}

TEST_F(LinuxNetworkTest, tcp_to_a_silent_host_ends_at_the_deadline) {
    ASSERT_TRUE(run_command("ip link add card type veth peer name other && ip link set card up && "
                            "ip link set other up && ip address add 192.0.2.10/24 dev card && "
                            "ip neighbour add 192.0.2.1 lladdr 52:54:00:00:00:99 dev card"));
    Time begin = Clock::now();
    Result<UniqueFd> connected = network_.connect_tcp(ip("192.0.2.1"), 3260, begin + milliseconds(200));
    ASSERT_FALSE(connected);
    EXPECT_EQ(connected.error().what, "connecting to 192.0.2.1:3260: Connection timed out");
    EXPECT_TRUE(connected.error().is_transient());
    EXPECT_LT(Clock::now() - begin, seconds(30));
}

TEST_F(LinuxNetworkTest, a_connection_carries_all_or_says_why_not) {
    int ends[2];
    ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    UniqueFd ours(ends[0]);
    UniqueFd theirs(ends[1]);
    ASSERT_TRUE(network_.send(theirs, as_bytes("in two"), soon()));
    ASSERT_TRUE(network_.send(theirs, as_bytes(" parts"), soon()));
    Result<Bytes> whole = network_.receive(ours, 12, soon());
    ASSERT_TRUE(whole) << describe(whole.error());
    EXPECT_EQ(std::string(whole->begin(), whole->end()), "in two parts");

    Result<Bytes> nothing = network_.receive(ours, 1, Clock::now() + milliseconds(50));
    ASSERT_FALSE(nothing);
    EXPECT_EQ(nothing.error().what, "timed out waiting for the server");
    EXPECT_TRUE(nothing.error().is_transient());
    Result<> too_much = network_.send(ours, Bytes(8 << 20), Clock::now() + milliseconds(50));
    ASSERT_FALSE(too_much);
    EXPECT_EQ(too_much.error().what, "timed out sending to the server");
    EXPECT_TRUE(too_much.error().is_transient());

    // Closing with unread data sends a reset.
    theirs.reset();
    Result<Bytes> reset = network_.receive(ours, 1, soon());
    ASSERT_FALSE(reset);
    EXPECT_EQ(reset.error().what, "the server reset the connection");
    EXPECT_EQ(reset.error().code, ECONNRESET);
    EXPECT_TRUE(reset.error().is_transient());
    Result<Bytes> closed = network_.receive(ours, 1, soon());
    ASSERT_FALSE(closed);
    EXPECT_EQ(closed.error().what, "the server closed the connection");
    EXPECT_EQ(closed.error().code, ECONNRESET);
    EXPECT_EQ(network_.send(ours, as_bytes("late"), soon()).error().code, ECONNRESET);
}

TEST_F(LinuxNetworkTest, a_literal_is_never_looked_up_and_a_name_is) {
    Result<std::vector<IpAddress>> literal = network_.resolve("[2001:db8::1]");
    ASSERT_TRUE(literal);
    EXPECT_EQ(*literal, std::vector{ip("2001:db8::1")});
    Result<std::vector<IpAddress>> name = network_.resolve("localhost");
    ASSERT_TRUE(name) << describe(name.error());
    EXPECT_THAT(*name, testing::Contains(ip("127.0.0.1")));
}

TEST_F(LinuxNetworkTest, where_no_name_server_is_known_the_error_says_so) {
    ASSERT_EQ(::unshare(CLONE_NEWNS), 0);
    ASSERT_EQ(::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr), 0);
    ASSERT_EQ(::mount("none", "/etc", "tmpfs", 0, nullptr), 0);
    Result<std::vector<IpAddress>> name = network_.resolve("head.example");
    ASSERT_EQ(::umount("/etc"), 0);
    ASSERT_FALSE(name);
    EXPECT_FALSE(name.error().is_transient());
    EXPECT_THAT(name.error().what, HasSubstr("looking up 'head.example': no name server; send one by DHCP"));
}

} // namespace mangrove
