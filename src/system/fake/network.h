#pragma once

#include <deque>
#include <functional>
#include <map>
#include <set>

#include "system/fake/system.h"
#include "system/fake/transcript.h"
#include "system/network.h"

namespace mangrove {

/// A network in memory: cards with cables, DHCP servers, hosts with names and ports. Waiting moves the clock.
class FakeNetwork : public Network {
  public:
    /// The answers of a server to a message that a client broadcast.
    using DhcpServer = std::function<std::vector<Bytes>(ByteView message)>;

    /// Answers what the server of a port heard at once; called first with nothing, on connection.
    using TcpServer = std::function<Bytes(ByteView heard)>;

    /// With a clock of its own.
    explicit FakeNetwork(Transcript& transcript) : transcript_(transcript) {}
    /// Shares the machine's transcript and clock, and becomes its network.
    explicit FakeNetwork(FakeSystem& system) : transcript_(system.transcript()), system_(&system) {
        system.use(*this);
    }

    // Setting the scene: no line in the transcript, never fails.
    /// A card whose cable is plugged in: it has carrier from when it is set up.
    void add_card(const std::string& name, const MacAddress& mac);
    /// An IPoIB interface.
    void add_infiniband(const std::string& name, const Bytes& address);
    void add_link(Link link);
    void plug_in(const std::string& name) { set_cable(name, Carrier::present); }
    /// The card has its carrier before it is set up, and the kernel never gets to settle it.
    void plug_in_unsettled(const std::string& name) { set_cable(name, Carrier::unsettled); }
    void pull_out(const std::string& name) { set_cable(name, Carrier::absent); }
    /// As a driver does whose firmware is not there.
    void refuse_up(const std::string& name, int errno_code) { find(name).refusal = errno_code; }
    void add_address_before(const std::string& name, const InterfaceAddress& address);
    void serve_dhcp(const std::string& name, DhcpServer server, milliseconds delay = milliseconds(2));
    /// A router is heard on the link, and the kernel makes an address of what it advertises (none: it has no
    /// prefix to make one of), which is usable a second later.
    void advertise(const std::string& name, RouterAdvice advice, std::optional<IpAddress> address = {});
    /// Options of a router's advertisement.
    void advertise_options(const std::string& name, const Bytes& options) {
        pending_.push_back({NetworkEvent::Kind::router_advertised, find(name).link.index, options});
    }
    void serve_dhcp6(const std::string& name, DhcpServer server) { find(name).server6 = std::move(server); }
    void add_host(const std::string& name, std::vector<IpAddress> addresses) {
        hosts_[name] = std::move(addresses);
    }
    /// A server that has said all is one that closes the connection.
    void listen(
        const IpAddress& address, uint16_t port, TcpServer server = [](ByteView) { return Bytes(); }) {
        listeners_[endpoint(address, port)] = std::move(server);
    }
    void stop_listening(const IpAddress& address, uint16_t port) {
        listeners_.erase(endpoint(address, port));
    }
    /// Runs at that time after now, while somebody waits.
    void after(milliseconds delay, std::function<void()> happens);

    // Looking at what became of it.
    const Link& link(const std::string& name) const;
    const std::vector<InterfaceAddress>& addresses_of(const std::string& name) const;
    const std::vector<Route>& routes_of(const std::string& name) const;
    size_t open_dhcp_sockets() const { return dhcp_sockets_.size() + dhcp6_sockets_.size(); }

    Result<std::vector<Link>> links() override;
    Result<> set_link_state(const Link& link, LinkState state) override;
    Result<> set_mtu(const Link& link, uint32_t bytes) override;
    Result<> set_mac(const Link& link, const MacAddress& mac) override;
    Result<> rename_link(const Link& link, const std::string& name) override;
    Result<> add_vlan(const std::string& name, const Link& parent, uint16_t id) override;
    Result<> remove_link(const std::string& name) override;
    Result<std::vector<InterfaceAddress>> addresses(const Link& link) override;
    Result<> add_address(const Link& link, const InterfaceAddress& address) override;
    Result<> remove_address(const Link& link, const InterfaceAddress& address) override;
    Result<> add_route(const Link& link, const Route& route) override;
    Result<> open_dhcp(const Link& link) override;
    void close_dhcp(const Link& link) override;
    Result<> send_dhcp(const Link& link, ByteView message) override;
    Result<> open_dhcp6(const Link& link) override;
    void close_dhcp6(const Link& link) override;
    Result<> send_dhcp6(const Link& link, ByteView message) override;
    Result<std::optional<NetworkEvent>> wait(Deadline deadline) override;
    Result<UniqueFd> connect_tcp(const IpAddress& address, uint16_t port, Deadline deadline) override;
    Result<Bytes> receive(const UniqueFd& connection, size_t count, Deadline deadline) override;
    Result<> send(const UniqueFd& connection, ByteView bytes, Deadline deadline) override;
    Result<std::vector<IpAddress>> resolve(const std::string& name) override;

  private:
    struct Interface {
        Link link;
        Carrier cable = Carrier::present;
        int refusal = 0; ///< errno of setting it up
        std::vector<InterfaceAddress> addresses;
        std::map<std::string, Time> added; ///< when, by the address: its lifetime runs down
        std::vector<Route> routes;
        DhcpServer server;
        milliseconds server_delay{0};
        DhcpServer server6;
    };
    static std::string endpoint(const IpAddress& address, uint16_t port);
    Interface& find(const std::string& name);
    const Interface& find(const std::string& name) const;
    Result<Interface*> find(const Link& link, const std::string& operation);
    void set_cable(const std::string& name, Carrier cable);
    static void update_carrier(Interface& interface);
    void tell_change() { pending_.push_back(NetworkEvent{}); }
    Time now() const { return system_ ? system_->now() : own_now_; }
    void move_clock(Time to);
    /// The address is there, and usable a second later.
    void make_address(const std::string& name, InterfaceAddress address);

    Transcript& transcript_;
    FakeSystem* system_ = nullptr;
    Time own_now_ = {};
    std::deque<Interface> interfaces_;
    std::map<std::string, std::vector<IpAddress>> hosts_;
    struct Conversation {
        TcpServer server;
        std::deque<uint8_t> said; ///< and not yet read
    };
    Result<Conversation*> conversation(const UniqueFd& connection, const std::string& operation);
    std::map<std::string, TcpServer> listeners_;
    std::map<int, Conversation> conversations_; ///< by descriptor
    std::set<int> dhcp_sockets_;
    std::set<int> dhcp6_sockets_;
    std::multimap<Time, std::function<void()>> events_;
    std::deque<NetworkEvent> pending_;
};

} // namespace mangrove
