#include "net/lease_renewal.h"

#include <algorithm>
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

/// The link with one lease only, of those of both versions of IP that it can have.
std::vector<ConfiguredLink> one_for_each_lease(const ConfiguredLink& link) {
    std::vector<ConfiguredLink> links(2, link);
    links[0].dhcp6.reset();
    links[1].lease.reset();
    return links;
}

/// Whether it has an address from a server, for a time.
bool is_leased(const ConfiguredLink& link) {
    return !link.is_found
           && ((link.lease && link.lease->lifetime)
               || (link.dhcp6 && link.dhcp6->address && link.dhcp6->lifetime));
}

InterfaceAddress leased_address(const ConfiguredLink& link) {
    return link.lease ? plan_from_lease(*link.lease).address : link.dhcp6->interface_address();
}

seconds renewal_time(const ConfiguredLink& link) {
    return (link.lease ? link.lease->renewal_time : link.dhcp6->renewal_time).value_or(seconds(0));
}

/// Soon after the time to renew (T1), when somebody else in the image has done so. While he listens on the
/// port of DHCPv6 with the link-local address, no answer would reach us.
seconds our_turn(const ConfiguredLink& link) {
    seconds first = renewal_time(link);
    seconds second = (link.lease ? link.lease->rebinding_time : link.dhcp6->rebinding_time).value_or(first);
    return first + std::max(seconds(0), second - first) / 4;
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
        if (answer == Client::Answer::refused) return permanent_error("a server refused it");
    }
    return transient_error("no server answered");
}

Result<uint32_t> seed(System& system) {
    return load_be32(TRY(system.random_bytes(4)).data());
}

template <typename AnyLease>
void extend(AnyLease& lease, const AnyLease& granted) {
    lease.lifetime = granted.lifetime;
    lease.renewal_time = granted.renewal_time;
    lease.rebinding_time = granted.rebinding_time;
}

Result<> ask_dhcp(System& system, ConfiguredLink& link) {
    Network& network = system.network();
    DhcpClient client(link.link, TRY(seed(system)));
    TRY(network.open_dhcp(link.link));
    client.renew(system.now(), *link.lease);
    Result<> done = converse(system, client, NetworkEvent::Kind::dhcp_received,
                             [&](ByteView message) { return network.send_dhcp(link.link, message); });
    network.close_dhcp(link.link);
    TRY(std::move(done));
    extend(*link.lease, *client.lease());
    link.configured_at = client.requested_at();
    return {};
}

Result<> ask_dhcp6(System& system, ConfiguredLink& link) {
    Network& network = system.network();
    Dhcp6Client client(link.link.mac, TRY(seed(system)));
    TRY(network.open_dhcp6(link.link));
    client.renew(system.now(), *link.dhcp6, link.configured_at);
    Result<> done = converse(system, client, NetworkEvent::Kind::dhcp6_received,
                             [&](ByteView message) { return network.send_dhcp6(link.link, message); });
    network.close_dhcp6(link.link);
    TRY(std::move(done));
    extend(*link.dhcp6, *client.lease());
    link.dhcp6->server = client.lease()->server;
    link.configured_at = client.requested_at();
    return {};
}

/// The link's lease is the longer one then.
Result<> ask(System& system, ConfiguredLink& link) {
    return link.lease ? ask_dhcp(system, link) : ask_dhcp6(system, link);
}

class Renewal {
  public:
    Renewal(System& system, ConfiguredLink link) : system_(system), link_(std::move(link)) {}

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
                link_.configured_at = runs_out_ - *leased_address(link_).lifetime;
                look_at = system_.now() + **left * 3 / 4;
            } else if (renew()) {
                if (!is_leased(link_)) return;
                look_at = due();
            } else {
                keep_for_now(**left);
                look_at =
                    system_.now() + std::max<Clock::duration>(kShortestWait, (end() - system_.now()) / 2);
            }
        }
    }

  private:
    Time due() const { return link_.configured_at + our_turn(link_); }
    /// Of the lease; the address may be kept for longer.
    Time end() const { return link_.configured_at + *leased_address(link_).lifetime; }

    Result<std::optional<seconds>> time_left() {
        std::vector<InterfaceAddress> addresses = TRY(system_.network().addresses(link_.link));
        for (const InterfaceAddress& each : addresses)
            if (each.address == leased_address(link_).address) return each.lifetime;
        return std::nullopt;
    }

    bool renew() {
        Result<> done = ask(system_, link_);
        if (done) done = set_lifetime();
        if (!done)
            log_warning("renewing the lease of ", leased_address(link_).address.to_text(), ": ",
                        done.error().what, "; keeping the address");
        return done.has_value();
    }

    Result<> set_lifetime() {
        InterfaceAddress address = leased_address(link_);
        TRY(system_.network().add_address(link_.link, address));
        if (address.lifetime) runs_out_ = system_.now() + *address.lifetime;
        return {};
    }

    void keep_for_now(seconds left) {
        if (left > 2 * (kTimeToAnswer + kShortestWait)) return;
        if (Result<> done = set_lifetime(); !done) log_warning(done.error().what);
    }

    System& system_;
    ConfiguredLink link_;
    Time runs_out_ = {}; ///< the address on the link, as it was last seen or set
};

} // namespace

/// The kernel has taken the address away, and the routes with it, where the lease had ended.
static Result<> put_on_link(Network& network, const ConfiguredLink& link) {
    TRY(network.add_address(link.link, leased_address(link)));
    for (const Route& route : link.routes)
        if (Result<> added = network.add_route(link.link, route); !added)
            log_warning(added.error().what, ", ignoring");
    return {};
}

/// Routes of the other version of IP are there, which does no harm.
static Result<> renew_when_due(System& system, ConfiguredLink& link) {
    if (!is_leased(link) || system.now() < link.configured_at + renewal_time(link)) return {};
    std::string operation = "renewing the lease of " + leased_address(link).address.to_text();
    if (Result<> renewed = ask(system, link); !renewed)
        log_warning(operation, ": ", renewed.error().what, "; keeping the address");
    TRY(put_on_link(system.network(), link), operation);
    return {};
}

Result<> renew_leases(System& system, NetworkConfiguration& network) {
    for (ConfiguredLink& link : network.links) {
        std::vector<ConfiguredLink> parts = one_for_each_lease(link);
        for (ConfiguredLink& part : parts)
            TRY(renew_when_due(system, part));
        // The earlier one counts for both, so that neither is renewed too late.
        link.lease = parts[0].lease;
        link.dhcp6 = parts[1].dhcp6;
        if (is_leased(parts[0]) && is_leased(parts[1]))
            link.configured_at = std::min(parts[0].configured_at, parts[1].configured_at);
        else
            link.configured_at = std::max(parts[0].configured_at, parts[1].configured_at);
    }
    return {};
}

std::vector<Resident> lease_renewals(const NetworkConfiguration& network) {
    std::vector<Resident> renewals;
    for (const ConfiguredLink& both : network.links) {
        for (ConfiguredLink& link : one_for_each_lease(both)) {
            if (!is_leased(link)) continue;
            // A definition among them can hold secrets, and the process stays as long as the node runs.
            if (link.lease) link.lease->options.clear();
            if (link.lease) link.lease->root_path.clear();
            if (link.dhcp6) link.dhcp6->boot_file_url.clear();
            renewals.push_back({.name = text("the lease of ", leased_address(link).address.to_text()),
                                .run = [link](System& system) { Renewal(system, link).run(); },
                                .outlives_root = true});
        }
    }
    return renewals;
}

} // namespace mangrove
