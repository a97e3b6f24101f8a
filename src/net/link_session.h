#pragma once

#include "base/undo.h"
#include "net/autoconfiguration.h"
#include "net/bring_up.h"
#include "net/dhcp_client.h"
#include "net/ip_argument.h"

namespace mangrove {

/// One link on its way to its addresses, as its `ip=` says. When both versions of IP are wanted, one is
/// enough, and the other gets some more seconds. Undoes everything on destruction, unless `keep` was called.
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
    /// For a link that the kernel or an earlier program configured.
    LinkSession(System& system, const Link& link, const IpArgument& argument, DhcpWishes wishes,
                std::vector<InterfaceAddress> addresses);

    /// Sets the link up. Leaves one that another program configured as it is; with DHCP, confirms its address
    /// by a lease, or at least asks a server for the other settings.
    Result<> begin();
    /// Takes the link's new state: starts asking when it has carrier, stops when the carrier is gone.
    Result<> look_at(const Link& link);
    Result<> receive(const NetworkEvent& event);
    /// Sends what is due.
    Result<> continue_asking();
    /// Adds the addresses and routes to the link. Only when `ready`.
    Result<> configure();
    /// Adds a route. Warns when the kernel refuses it: the root may be on this side of that router.
    void add_route(const Route& route);
    void keep() { undo_.keep(); }
    /// Forgets a link that has vanished: there is nothing to undo.
    void forget() { undo_.keep(); }

    State state() const { return state_; }
    const Link& link() const { return configured_.link; }
    const IpArgument& argument() const { return *argument_; }
    const ConfiguredLink& result() const { return configured_; }
    /// Returns the time of the next action.
    Time next_send() const;
    Time gives_up_at() const;
    /// Returns "eth0 (52:54:00:12:34:56): asked 4 times, no answer".
    std::string describe() const;

  private:
    Network& network() { return system_->network(); }
    Result<> begin_found();
    Result<> start_asking();
    Result<> start_dhcp();
    /// Reads the link's current addresses.
    Result<> look_at_addresses();
    /// Changes to `ready` when everything is answered, or when one version of IP was answered some seconds
    /// ago.
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
