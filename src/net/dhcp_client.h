#pragma once

#include <random>

#include "net/dhcp_message.h"
#include "net/lease.h"
#include "system/clock.h"

namespace mangrove {

/// A client's record of its messages, for the error when it got no lease.
struct DhcpHistory {
    unsigned discovers = 0;
    unsigned offers = 0;
    unsigned requests = 0;
    unsigned refusals = 0;
    unsigned bad_messages = 0; ///< meant for us, but nonsense
    std::string last_problem;  ///< what was wrong with the last bad one, or the server's words with a refusal

    /// Returns "asked 4 times, no answer".
    std::string to_text() const;
};

/// The choice among several offers. `with_definition`: an offer that carries a definition or a root-path,
/// when one comes within some seconds.
enum class OfferChoice { first, with_definition };

/// The settings asked for beside an address.
struct DhcpWishes {
    uint8_t definition_option = dhcp_option::kDefinition;
    OfferChoice choice = OfferChoice::first;
};

/// DHCPv4 on one link (RFC 2131), from INIT to BOUND: time and packets go in, packets and deadlines come out.
/// The client identifier is the one that iPXE and most PXE ROMs use (hardware type and MAC), so that the
/// server gives the address that the machine was booted with. On InfiniBand, whose addresses do not fit into
/// a message (RFC 4390), it is the type and the port's GUID, and the client requests answers by broadcast.
class DhcpClient {
  public:
    /// `seed` determines the transaction numbers and the jitter; it must differ for each link and boot.
    DhcpClient(const MacAddress& mac, uint32_t seed, DhcpWishes wishes = {})
        : mac_(mac), random_(seed), wishes_(wishes) {}
    DhcpClient(const Link& link, uint32_t seed, DhcpWishes wishes = {}) : DhcpClient(link.mac, seed, wishes) {
        guid_ = link.guid();
    }

    void start(Time now);
    /// Asks for an extension of a lease, as in REBINDING: any server that knows it may answer.
    void renew(Time now, const Lease& lease);
    /// Asks for a lease of an address that is already configured (RFC 2131, INIT-REBOOT) and, when no server
    /// grants one, for everything else (DHCPINFORM). The lease has no end and no owner then.
    void confirm(Time now, const IpAddress& address, unsigned prefix_length);
    /// Returns the message to broadcast now, if one is due. Call it at `next_send`, and after `receive`.
    std::optional<Bytes> message_due(Time now);
    Time next_send() const { return next_send_; }

    enum class Answer { ignored, kept, offered, refused, granted };
    Answer receive(Time now, ByteView bytes);

    /// Returns whether `confirm` had no answer.
    bool has_given_up() const { return state_ == State::given_up; }
    /// Returns whether the lease is this client's, not just a server's information beside another owner's
    /// address.
    bool owns_lease() const { return lease_ && !is_informed_; }

    /// Returns the lease once an answer was `granted`.
    const std::optional<Lease>& lease() const { return lease_; }
    /// Returns the time of the granted request, from which the lease counts (RFC 2131).
    Time requested_at() const { return requested_at_; }
    const DhcpHistory& history() const { return history_; }

  private:
    enum class State { selecting, requesting, renewing, confirming, informing, bound, given_up };

    Bytes make_message(DhcpType type, Time now) const;
    Answer receive_offer(Time now, const DhcpMessage& message);
    Answer receive_acknowledgement(DhcpMessage message);
    Bytes client_identifier() const;
    void ask_for_the_rest(Time now);
    Answer receive_refusal(Time now, const DhcpMessage& message);
    Answer reject(const std::string& problem);
    bool is_worth_waiting_for_another(const Lease& offer) const;
    void request(Lease offer, Time now);
    void restart(Time when);
    milliseconds next_delay();

    MacAddress mac_;
    Bytes guid_; ///< of an InfiniBand port; empty on Ethernet
    std::minstd_rand random_;
    DhcpWishes wishes_;
    State state_ = State::selecting;
    Time started_ = {};
    Time next_send_ = Time::max();
    Time requested_at_ = {};
    unsigned attempt_ = 0; ///< messages sent in this state
    uint32_t transaction_ = 0;
    Lease offer_;
    bool is_informed_ = false;
    std::optional<Lease> spare_offer_; ///< to be taken when there is no better one
    std::optional<Lease> lease_;
    DhcpHistory history_;
};

} // namespace mangrove
