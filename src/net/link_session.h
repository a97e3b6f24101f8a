#pragma once

#include "base/undo.h"
#include "net/autoconfiguration.h"
#include "net/bring_up.h"
#include "net/dhcp_client.h"
#include "net/ip_argument.h"

namespace mangrove {

/// One link on its way to its addresses, as its `ip=` says. Where both versions of IP are asked for, one is
/// enough, and the other has some seconds more. Everything that it did to the link is undone when it is
/// destroyed, unless `keep` was called.
class LinkSession {
  public:
    enum class State {
        waiting_for_carrier,
        asking,     ///< DHCP is under way, or routers are listened for
        ready,      ///< an address is known
        configured, ///< the addresses are on the link
    };

    /// `argument` must outlive the session.
    LinkSession(System& system, const Link& link, const IpArgument& argument, DhcpWishes wishes = {});
    /// A link that somebody else configured, the kernel or a program before this one.
    LinkSession(System& system, const Link& link, const IpArgument& argument, DhcpWishes wishes,
                std::vector<InterfaceAddress> addresses);

    /// Sets the link up. One that somebody else configured is left as it is; where DHCP is asked for, its
    /// address is confirmed by a lease, or at least a server says what else goes with it.
    Result<> begin();
    /// The link as it is now: starts asking when it has carrier, stops when that is gone.
    Result<> look_at(const Link& link);
    Result<> receive(const NetworkEvent& event);
    /// Sends what is due.
    Result<> continue_asking();
    /// Only when `ready`. Gives the link its addresses and routes.
    Result<> configure();
    /// One that the kernel refuses draws a warning: the root may be on this side of that router.
    void add_route(const Route& route);
    void keep() { undo_.keep(); }
    /// The link has vanished: there is nothing to undo.
    void forget() { undo_.keep(); }

    State state() const { return state_; }
    const Link& link() const { return configured_.link; }
    const IpArgument& argument() const { return *argument_; }
    const ConfiguredLink& result() const { return configured_; }
    /// When something is to be done.
    Time next_send() const;
    Time gives_up_at() const;
    /// "eth0 (52:54:00:12:34:56): asked 4 times, no answer"
    std::string describe() const;

  private:
    Network& network() { return system_->network(); }
    Result<> begin_found();
    Result<> start_asking();
    Result<> start_dhcp();
    /// Finds out what there is on the link by now.
    Result<> look_at_addresses();
    /// Goes on to `ready` once everything is answered, or one version of IP some seconds ago.
    void settle();
    bool has_lease() const { return client_ && client_->lease(); }
    bool has_ipv6() const { return autoconfiguration_ && autoconfiguration_->is_ready(); }
    Result<> send_dhcp6(ByteView message);
    void stop_asking();
    Result<> configure_found();
    Result<> configure_from_lease();
    Result<> configure_fixed(const FixedAddress& fixed);
    Result<> configure_from_routers();
    Result<> add_address(const InterfaceAddress& address);
    Result<> change_mac(const MacAddress& mac);
    Result<> change_mtu(uint32_t bytes);
    Result<> raise_below(int parent, uint32_t bytes);
    Result<> raise_below_and_change_mtu(uint32_t bytes);

    System* system_;
    const IpArgument* argument_;
    State state_ = State::waiting_for_carrier;
    ConfiguredLink configured_;
    DhcpWishes wishes_;
    std::optional<DhcpClient> client_;
    std::optional<Autoconfiguration> autoconfiguration_; ///< of IPv6
    bool has_dhcp6_socket_ = false;
    bool had_carrier_when_down_ = false;
    std::optional<Time> settles_at_; ///< one version of IP is there
    Time waiting_since_ = {};        ///< for carrier, or for an answer since there is carrier
    Undo undo_;
};

} // namespace mangrove
