#pragma once

#include "net/dhcp6_client.h"
#include "net/ip_argument.h"

namespace mangrove {

/// IPv6 on one link, as `ip=` has it: waits for the address that the kernel makes of what routers advertise
/// (RFC 4862), or asks DHCPv6 for one, or for all that goes with an address. Time, what is on the link and
/// packets go in, packets and deadlines come out.
///
/// | routers say | `auto6` | `dhcp6` | `either6` |
/// |---|---|---|---|
/// | addresses by DHCPv6 (M) | kernel's address | DHCPv6 | DHCPv6 |
/// | other things by DHCPv6 (O) | kernel's address | kernel's address, and information | the same |
/// | neither | kernel's address | DHCPv6 | kernel's address |
/// | nothing for some seconds | waits on | DHCPv6, until they say otherwise | the same |
class Autoconfiguration {
  public:
    Autoconfiguration(IpArgument::Ipv6 method, const MacAddress& mac, uint32_t seed, OfferChoice choice)
        : method_(method), client_(mac, seed, choice) {}

    /// Starts when the link has its carrier (again).
    void start();
    void look_at(Time now, RouterAdvice advice, const std::vector<InterfaceAddress>& addresses);
    void receive(Time now, ByteView message);
    /// Returns the DHCPv6 message to send to all servers now, if one is due. Call it at `next_send`, and
    /// after each of the other calls.
    std::optional<Bytes> message_due(Time now);
    Time next_send() const;

    /// Returns whether the address and all other answers are known.
    bool is_ready() const;
    /// Returns the kernel's addresses that can be used.
    const std::vector<InterfaceAddress>& made_by_kernel() const { return made_by_kernel_; }
    const std::optional<Dhcp6Lease>& lease() const { return client_.lease(); }
    Time requested_at() const { return client_.requested_at(); }
    /// Returns "no router is heard; asked 4 times, no answer".
    std::string describe() const;

  private:
    enum class Asking { nothing, addresses, information };
    /// Returns nothing while it is not known.
    std::optional<Asking> what_to_ask(Time now) const;

    IpArgument::Ipv6 method_;
    Dhcp6Client client_;
    RouterAdvice advice_ = RouterAdvice::unheard;
    std::vector<InterfaceAddress> made_by_kernel_;
    bool has_duplicate_ = false;
    std::optional<Time> can_ask_since_; ///< the link-local address can be used
    std::optional<Asking> asking_;
};

} // namespace mangrove
