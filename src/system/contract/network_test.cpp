#include <algorithm>
#include <cerrno>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <thread>

#include "system/fake/neighbour.h"
#include "system/fake/network.h"
#include "system/linux/network.h"

// The contract of `Network`: the same tests on the fake and on the kernel, with one card whose cable is
// plugged in.
namespace mangrove {

static IpAddress ip(std::string_view written) {
    return *IpAddress::parse(written);
}

class FakeNetworkWorld {
  public:
    FakeNetworkWorld() { network_.add_card("card", *MacAddress::parse("52:54:00:00:00:01")); }
    FakeNetwork& network() { return network_; }
    Deadline soon() { return Time() + seconds(600); }
    size_t default_routes() { return network_.routes_of("card").size(); }
    void vanish() { static_cast<void>(network_.remove_link("card")); }
    /// Serves one connection at ::1: says `text` and closes.
    void serve(uint16_t port, const std::string& text) {
        network_.listen(ip("::1"), port, [text](ByteView heard) {
            return heard.empty() ? Bytes(text.begin(), text.end()) : Bytes();
        });
    }

  private:
    Transcript transcript_;
    FakeNetwork network_{transcript_};
};

class LinuxNetworkWorld {
  public:
    LinuxNetworkWorld() {
        bool is_made =
            enter_network_namespace()
            && run_command("ip link set lo up"
                           " && ip link add card address 52:54:00:00:00:01 type veth peer name other"
                           " && ip link set other up");
        EXPECT_TRUE(is_made) << "a network namespace takes root";
    }
    ~LinuxNetworkWorld() {
        if (server_.joinable()) server_.join();
    }
    LinuxNetworkWorld(const LinuxNetworkWorld&) = delete;
    LinuxNetworkWorld& operator=(const LinuxNetworkWorld&) = delete;
    LinuxNetwork& network() { return network_; }
    Deadline soon() { return Clock::now() + seconds(5); }
    size_t default_routes() { return run_command("ip route show default | grep -q .") ? 1 : 0; }
    void vanish() { EXPECT_TRUE(run_command("ip link del card")); }
    void serve(uint16_t port, const std::string& text) {
        listener_ = UniqueFd(::socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0));
        sockaddr_in6 at = {};
        at.sin6_family = AF_INET6;
        at.sin6_addr = in6addr_loopback;
        at.sin6_port = htons(port);
        EXPECT_EQ(::bind(listener_.get(), reinterpret_cast<sockaddr*>(&at), sizeof at), 0);
        EXPECT_EQ(::listen(listener_.get(), 1), 0);
        server_ = std::thread([this, text] {
            UniqueFd connection(::accept(listener_.get(), nullptr, nullptr));
            EXPECT_EQ(::send(connection.get(), text.data(), text.size(), MSG_NOSIGNAL),
                      static_cast<ssize_t>(text.size()));
        });
    }

  private:
    LinuxNetwork network_;
    UniqueFd listener_;
    std::thread server_;
};

template <typename World>
class Networks : public testing::Test {
  protected:
    Network& network() { return world_.network(); }
    Link card() {
        Result<std::vector<Link>> links = network().links();
        EXPECT_TRUE(links);
        auto found = std::ranges::find(*links, "card", &Link::name);
        return found == links->end() ? Link() : *found;
    }
    void set_up() {
        ASSERT_TRUE(network().set_link_state(card(), LinkState::up));
        while (card().carrier != Carrier::present) {
            Result<std::optional<NetworkEvent>> event = network().wait(world_.soon());
            ASSERT_TRUE(event && *event) << "the card has no carrier";
        }
    }
    InterfaceAddress address() {
        return {.address = ip("192.0.2.10"), .prefix_length = 24, .lifetime = seconds(3600)};
    }
    void expect_error(const auto& result, int code, const std::string& operation) {
        ASSERT_FALSE(result);
        EXPECT_EQ(result.error().code, code) << describe(result.error());
        EXPECT_TRUE(result.error().what.starts_with(operation)) << describe(result.error());
    }

    World world_;
};

using NetworkWorlds = testing::Types<FakeNetworkWorld, LinuxNetworkWorld>;
TYPED_TEST_SUITE(Networks, NetworkWorlds);

TYPED_TEST(Networks, a_card_has_carrier_while_it_is_up) {
    EXPECT_EQ(this->card().state, LinkState::down);
    EXPECT_EQ(this->card().carrier, Carrier::absent);
    EXPECT_EQ(this->card().mtu, 1500u);
    EXPECT_TRUE(this->card().is_card());
    this->set_up();
    ASSERT_TRUE(this->network().set_link_state(this->card(), LinkState::down));
    EXPECT_EQ(this->card().state, LinkState::down);
    EXPECT_EQ(this->card().carrier, Carrier::absent);
}

TYPED_TEST(Networks, a_card_keeps_its_index_when_it_is_renamed) {
    Link before = this->card();
    ASSERT_TRUE(this->network().rename_link(before, "lan0"));
    Result<std::vector<Link>> links = this->network().links();
    auto renamed = std::ranges::find(*links, before.index, &Link::index);
    ASSERT_NE(renamed, links->end());
    EXPECT_EQ(renamed->name, "lan0");
    EXPECT_TRUE(this->network().rename_link(*renamed, "lan0")) << "it has that name already";
}

TYPED_TEST(Networks, an_address_is_there_until_it_is_removed) {
    this->set_up();
    ASSERT_TRUE(this->network().add_address(this->card(), this->address()));
    InterfaceAddress longer = this->address();
    longer.lifetime = seconds(7200);
    ASSERT_TRUE(this->network().add_address(this->card(), longer)) << "a second time changes the lifetime";
    std::vector<InterfaceAddress> all = *this->network().addresses(this->card());
    std::erase_if(all,
                  [](const InterfaceAddress& each) { return each.scope != InterfaceAddress::Scope::global; });
    ASSERT_EQ(all.size(), 1u);
    EXPECT_EQ(all[0].to_text(), "192.0.2.10/24");
    EXPECT_GT(all[0].lifetime, seconds(7000));
    ASSERT_TRUE(this->network().remove_address(this->card(), all[0]));
    this->expect_error(this->network().remove_address(this->card(), all[0]), EADDRNOTAVAIL,
                       "removing the address 192.0.2.10/24 from card");
}

TYPED_TEST(Networks, a_route_needs_a_link_and_a_gateway_in_its_network) {
    Route route;
    route.gateway = ip("192.0.2.1");
    this->expect_error(this->network().add_route(this->card(), route), ENETUNREACH,
                       "adding the route default via 192.0.2.1 on card");
    Route direct;
    direct.destination = ip("198.51.100.0");
    direct.prefix_length = 24;
    this->expect_error(this->network().add_route(this->card(), direct), ENETDOWN,
                       "adding the route 198.51.100.0/24 on card");
    this->set_up();
    this->expect_error(this->network().add_route(this->card(), route), ENETUNREACH,
                       "adding the route default via 192.0.2.1 on card");
    ASSERT_TRUE(this->network().add_address(this->card(), this->address()));
    ASSERT_TRUE(this->network().add_route(this->card(), route));
    ASSERT_TRUE(this->network().add_route(this->card(), route)) << "one that is there stays";
    EXPECT_EQ(this->world_.default_routes(), 1u);
    ASSERT_TRUE(this->network().set_link_state(this->card(), LinkState::down));
    EXPECT_EQ(this->world_.default_routes(), 0u);
}

TYPED_TEST(Networks, a_route_goes_with_the_last_address) {
    this->set_up();
    ASSERT_TRUE(this->network().add_address(this->card(), this->address()));
    Route route;
    route.gateway = ip("192.0.2.1");
    ASSERT_TRUE(this->network().add_route(this->card(), route));
    std::vector<InterfaceAddress> all = *this->network().addresses(this->card());
    auto own = std::ranges::find(all, this->address().address, &InterfaceAddress::address);
    ASSERT_NE(own, all.end());
    ASSERT_TRUE(this->network().remove_address(this->card(), *own));
    EXPECT_EQ(this->world_.default_routes(), 0u);
}

TYPED_TEST(Networks, a_card_that_vanished_is_no_device_any_more) {
    Link card = this->card();
    this->world_.vanish();
    EXPECT_EQ(this->card().index, 0);
    this->expect_error(this->network().set_link_state(card, LinkState::up), ENODEV, "setting card up");
    this->expect_error(this->network().set_mtu(card, 9000), ENODEV, "setting the MTU of card to 9000");
    this->expect_error(this->network().add_address(card, this->address()), ENODEV,
                       "adding the address 192.0.2.10/24 to card");
}

TYPED_TEST(Networks, a_server_is_read_until_it_closes) {
    this->world_.serve(3260, "hello");
    Result<UniqueFd> connection = this->network().connect_tcp(ip("::1"), 3260, this->world_.soon());
    ASSERT_TRUE(connection) << describe(connection.error());
    Result<Bytes> said = this->network().receive(*connection, 5, this->world_.soon());
    ASSERT_TRUE(said) << describe(said.error());
    EXPECT_EQ(std::string(said->begin(), said->end()), "hello");
    Result<Bytes> end = this->network().receive(*connection, 1, this->world_.soon());
    this->expect_error(end, ECONNRESET, "the server closed the connection");
    EXPECT_TRUE(end.error().is_transient());
}

TYPED_TEST(Networks, a_port_without_a_server_refuses) {
    Result<UniqueFd> refused = this->network().connect_tcp(ip("::1"), 3261, this->world_.soon());
    this->expect_error(refused, ECONNREFUSED, "connecting to [::1]:3261");
    EXPECT_TRUE(refused.error().is_transient());
}

} // namespace mangrove
