#pragma once

#include "base/undo.h"
#include "net/autoconfiguration.h"
#include "net/bring_up.h"
#include "net/dhcp_client.h"
#include "net/ip_argument.h"

namespace mangrove {

/// One link on its way to an address, as one `ip=` says. What it did to the link is undone when it is
/// destroyed, unless `keep` was called.
class LinkSession {
  public:
    enum class State {
        waiting_for_carrier,
        asking,     ///< DHCP is under way, or routers are listened for
        ready,      ///< the address is known
        configured, ///< the address is on the link
    };

    /// `argument` must outlive the session.
    LinkSession(System& system, const Link& link, const IpArgument& argument, DhcpWishes wishes = {});
    /// A link that somebody else configured.
    LinkSession(System& system, const Link& link, const IpArgument& argument,
                std::vector<InterfaceAddress> addresses);

    /// Sets the link up.
    Result<> begin();
    /// The link as it is now: starts asking when it has carrier, stops when that is gone.
    Result<> look_at(const Link& link);
    Result<> receive(const NetworkEvent& event);
    /// Sends what is due.
    Result<> continue_asking();
    /// Only when `ready`. Gives the link its address and routes.
    Result<> configure();
    void keep() { undo_.keep(); }
    /// The link has vanished: there is nothing to undo.
    void forget() { undo_.keep(); }

    State state() const { return state_; }
    const Link& link() const { return configured_.link; }
    const IpArgument& argument() const { return *argument_; }
    /// IPv6, by what routers advertise or by DHCPv6.
    bool is_autoconfigured() const { return configured_.origin == LinkOrigin::routers; }
    const ConfiguredLink& result() const { return configured_; }
    /// When something is to be sent.
    Time next_send() const;
    Time gives_up_at() const;
    /// "eth0 (52:54:00:12:34:56): asked 4 times, no answer"
    std::string describe() const;

  private:
    Network& network() { return system_->network(); }
    Result<> start_asking();
    Result<> start_dhcp(uint32_t seed);
    Result<> start_autoconfiguration(uint32_t seed);
    /// What there is on the link by now.
    Result<> look_at_addresses();
    std::optional<Bytes> message_due();
    Result<> send(ByteView message);
    void stop_asking();
    Result<> configure_from_lease();
    Result<> configure_from_routers();
    Result<> add_address(const InterfaceAddress& address);
    Result<> change_mac(const MacAddress& mac);
    Result<> change_mtu(uint32_t bytes);
    Result<> raise_below(int parent, uint32_t bytes);
    Result<> raise_below_and_change_mtu(uint32_t bytes);
    Result<> add_routes(const std::vector<Route>& routes);

    System* system_;
    const IpArgument* argument_;
    State state_ = State::waiting_for_carrier;
    ConfiguredLink configured_;
    DhcpWishes wishes_;
    std::optional<DhcpClient> client_;
    std::optional<Autoconfiguration> autoconfiguration_; ///< of IPv6
    bool has_dhcp6_socket_ = false;
    bool had_carrier_when_down_ = false;
    Time waiting_since_ = {}; ///< for carrier, or for an answer since there is carrier
    Undo undo_;
};

} // namespace mangrove
