#include "net/lease_renewal.h"

#include <algorithm>
#include <functional>
#include <utility>

#include "base/byte_order.h"
#include "base/log.h"
#include "net/dhcp6_client.h"
#include "net/dhcp_client.h"
#include "net/link_plan.h"

namespace mangrove {

namespace {

constexpr seconds kTimeToAnswer{30};
constexpr seconds kShortestWait{30};
/// Clocks, and whole seconds that the kernel tells.
constexpr seconds kTolerance{3};

/// The part of a lease that counts, of either IP version.
struct Term {
    InterfaceAddress address; ///< with the lifetime
    seconds our_turn;         ///< after it was granted, when nobody else renews it
    Time granted_at;
};

/// How one version of DHCP is asked; returns what it grants.
using Ask = std::function<Result<Term>(System&, const Link&, const Term&)>;

class Renewal {
  public:
    Renewal(System& system, Link link, Term term, Ask ask)
        : system_(system), link_(std::move(link)), term_(term), ask_(std::move(ask)) {}

    /// Returns when the address is not there any more, or is for ever.
    void run() {
        // The lease counts from the question: its answer may have taken a while.
        Result<std::optional<seconds>> found = time_left();
        runs_out_ = found && *found ? system_.now() + **found : end();
        Time look_at = due();
        for (;;) {
            system_.sleep(
                std::chrono::ceil<milliseconds>(std::max(look_at - system_.now(), Clock::duration(0))));
            Result<std::optional<seconds>> left = time_left();
            if (!left) {
                log_warning(left.error().what);
                look_at = system_.now() + kShortestWait;
            } else if (!*left) {
                return;
            } else if (**left > runs_out_ - system_.now() + kTolerance) {
                // Somebody else renews. He does so at half of it; when that is over, it is our turn.
                runs_out_ = system_.now() + **left;
                term_.granted_at = runs_out_ - *term_.address.lifetime;
                look_at = system_.now() + **left * 3 / 4;
            } else if (renew()) {
                if (!term_.address.lifetime) return;
                look_at = due();
            } else {
                keep_for_now(**left);
                look_at =
                    system_.now() + std::max<Clock::duration>(kShortestWait, (end() - system_.now()) / 2);
            }
        }
    }

  private:
    Time due() const { return term_.granted_at + term_.our_turn; }
    Time end() const { return term_.granted_at + *term_.address.lifetime; }

    Result<std::optional<seconds>> time_left() {
        std::vector<InterfaceAddress> addresses = TRY(system_.network().addresses(link_));
        for (const InterfaceAddress& each : addresses)
            if (each.address == term_.address.address) return each.lifetime;
        return std::nullopt;
    }

    bool renew() {
        Result<Term> granted = ask_(system_, link_, term_);
        Result<> done = granted ? take(*granted) : std::unexpected(granted.error());
        if (!done)
            log_warning("renewing the lease of ", term_.address.address.to_text(), ": ", done.error().what);
        return done.has_value();
    }

    Result<> take(const Term& granted) {
        term_ = granted;
        TRY(system_.network().add_address(link_, term_.address));
        if (term_.address.lifetime) runs_out_ = system_.now() + *term_.address.lifetime;
        return {};
    }

    void keep_for_now(seconds left) {
        if (left > 2 * (kTimeToAnswer + kShortestWait)) return;
        Term kept = term_;
        kept.granted_at = system_.now();
        if (Result<> done = take(kept); !done) log_warning(done.error().what);
    }

    System& system_;
    Link link_;
    Term term_;
    Ask ask_;
    Time runs_out_ = {}; ///< the address on the link, as it was last seen or set
};

std::unexpected<Error> refusal() {
    return permanent_error("a server refuses it; the root stays on it");
}

/// Passes messages between a client, DHCPv4's or DHCPv6's, and its servers until one grants or refuses.
template <typename Client, typename Send>
Result<> converse(System& system, Client& client, NetworkEvent::Kind kind, Send send) {
    Deadline deadline = system.now() + kTimeToAnswer;
    while (system.now() < deadline) {
        while (std::optional<Bytes> message = client.message_due(system.now()))
            TRY(send(*message));
        auto event = TRY(system.network().wait(std::min(client.next_send(), deadline)));
        if (!event || event->kind != kind) continue;
        typename Client::Answer answer = client.receive(system.now(), event->message);
        if (answer == Client::Answer::granted) return {};
        if (answer == Client::Answer::refused) return refusal();
    }
    return transient_error("no server answers");
}

/// Soon after the time to renew (T1), when somebody else in the image has done so. While he listens on the
/// port of DHCPv6 with the link-local address, no answer would reach us.
template <typename AnyLease>
seconds our_turn(const AnyLease& lease) {
    seconds first = lease.renewal_time.value_or(seconds(0));
    return first + std::max(seconds(0), lease.rebinding_time.value_or(first) - first) / 4;
}

Term term_of(const Lease& lease, Time granted_at) {
    return {plan_from_lease(lease).address, our_turn(lease), granted_at};
}

Term term_of(const Dhcp6Lease& lease, Time granted_at) {
    return {lease.interface_address(), our_turn(lease), granted_at};
}

Result<uint32_t> seed(System& system) {
    return load_be32(TRY(system.random_bytes(4)).data());
}

Result<Term> ask_dhcp(System& system, const Link& link, const Lease& lease) {
    Network& network = system.network();
    DhcpClient client(link.mac, TRY(seed(system)));
    TRY(network.open_dhcp(link));
    client.renew(system.now(), lease);
    Result<> done = converse(system, client, NetworkEvent::Kind::dhcp_received,
                             [&](ByteView message) { return network.send_dhcp(link, message); });
    network.close_dhcp(link);
    TRY(std::move(done));
    Lease granted = lease;
    granted.lifetime = client.lease()->lifetime;
    granted.renewal_time = client.lease()->renewal_time;
    granted.rebinding_time = client.lease()->rebinding_time;
    return term_of(granted, client.requested_at());
}

Result<Term> ask_dhcp6(System& system, const Link& link, const Dhcp6Lease& lease, Time granted_at) {
    Network& network = system.network();
    Dhcp6Client client(link.mac, TRY(seed(system)));
    TRY(network.open_dhcp6(link));
    client.renew(system.now(), lease, granted_at);
    Result<> done = converse(system, client, NetworkEvent::Kind::dhcp6_received,
                             [&](ByteView message) { return network.send_dhcp6(link, message); });
    network.close_dhcp6(link);
    TRY(std::move(done));
    return term_of(*client.lease(), client.requested_at());
}

} // namespace

static Resident make_resident(const Link& link, const Term& term, const Ask& ask) {
    return {text("the lease of ", term.address.address.to_text()),
            [link, term, ask](System& system) { Renewal(system, link, term, ask).run(); }};
}

std::vector<Resident> lease_renewals(const NetworkConfiguration& network) {
    std::vector<Resident> renewals;
    for (const ConfiguredLink& each : network.links) {
        if (each.lease && each.lease->lifetime)
            renewals.push_back(
                make_resident(each.link, term_of(*each.lease, each.configured_at),
                              [lease = *each.lease](System& system, const Link& link, const Term&) {
                                  return ask_dhcp(system, link, lease);
                              }));
        if (each.dhcp6 && each.dhcp6->address && each.dhcp6->lifetime)
            renewals.push_back(
                make_resident(each.link, term_of(*each.dhcp6, each.configured_at),
                              [lease = *each.dhcp6](System& system, const Link& link, const Term& term) {
                                  return ask_dhcp6(system, link, lease, term.granted_at);
                              }));
    }
    return renewals;
}

} // namespace mangrove
