#pragma once

#include <random>

#include "net/dhcp6_lease.h"
#include "net/dhcp_client.h"

namespace mangrove {

/// DHCPv6 on one link (RFC 8415): time and packets go in, packets and deadlines come out. The client is
/// identified by its hardware address (DUID-LL, and an association with the address's end as its number), so
/// that it gets the same address at each boot, and a server can be configured for the node.
class Dhcp6Client {
  public:
    /// `seed` determines the transaction numbers and the jitter; it must differ for each link and boot.
    Dhcp6Client(const MacAddress& mac, uint32_t seed, OfferChoice choice = OfferChoice::first);

    /// Asks for an address and all other settings.
    void solicit(Time now) { begin(State::soliciting, now); }
    /// Asks for the other settings, when addresses are made without DHCPv6.
    void ask_for_information(Time now) { begin(State::informing, now); }
    /// Asks for an extension of a lease: its own server, from T2 on any.
    void renew(Time now, const Dhcp6Lease& lease, Time granted_at);
    /// Returns the message to send to all servers now, if one is due. Call it at `next_send`, and after
    /// `receive`.
    std::optional<Bytes> message_due(Time now);
    Time next_send() const { return next_send_; }

    enum class Answer { ignored, kept, offered, refused, granted };
    Answer receive(Time now, ByteView bytes);

    /// Returns the lease once an answer was `granted`.
    const std::optional<Dhcp6Lease>& lease() const { return lease_; }
    /// Returns the time of the granted request, from which the lease counts.
    Time requested_at() const { return requested_at_; }
    const DhcpHistory& history() const { return history_; }

    /// Returns the number of the association (IAID): the last four bytes of the address, as NetworkManager
    /// has it with `ipv6.dhcp-iaid=mac`.
    static uint32_t association(const MacAddress& mac);

  private:
    enum class State { soliciting, requesting, informing, renewing, rebinding, done };

    void begin(State state, Time now);
    Dhcp6Type type() const;
    milliseconds next_delay();
    Bytes make_message(Time now) const;
    Bytes association_option() const;
    Answer receive_advertisement(Time now, Dhcp6Lease offer);
    Answer receive_reply(Time now, Result<Dhcp6Lease> lease);
    Answer reject(const std::string& problem);
    bool is_better(const Dhcp6Lease& offer, const Dhcp6Lease& other) const;
    void request(Dhcp6Lease offer, Time now);

    MacAddress mac_;
    Bytes identifier_; ///< DUID
    std::minstd_rand random_;
    OfferChoice choice_;
    State state_ = State::done;
    Time started_ = {};
    Time next_send_ = Time::max();
    Time requested_at_ = {};
    milliseconds delay_{0}; ///< the last one
    unsigned attempt_ = 0;  ///< messages sent in this state
    uint32_t transaction_ = 0;
    Dhcp6Lease offer_;
    std::optional<Dhcp6Lease> best_offer_; ///< of those until the first solicitation is to be repeated
    std::optional<Dhcp6Lease> lease_;
    DhcpHistory history_;
};

} // namespace mangrove
