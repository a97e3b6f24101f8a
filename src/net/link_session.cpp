#include "net/link_session.h"

#include <algorithm>
#include <cerrno>

#include "base/byte_order.h"
#include "base/log.h"
#include "net/link_plan.h"

namespace mangrove {

// Switches with spanning tree or LACP take half a minute until they pass packets.
static constexpr seconds kPatience{60};
/// The time for the second version of IP when the first is configured: long enough to ask routers and DHCP
/// servers twice.
static constexpr seconds kOtherVersionPatience{5};

LinkSession::LinkSession(System& system, const Link& link, const IpArgument& argument, DhcpWishes wishes)
    : system_(&system), argument_(&argument), wishes_(wishes), waiting_since_(system.now()) {
    configured_.link = link;
}

LinkSession::LinkSession(System& system, const Link& link, const IpArgument& argument, DhcpWishes wishes,
                         std::vector<InterfaceAddress> addresses)
    : LinkSession(system, link, argument, wishes) {
    configured_.is_found = true;
    configured_.addresses = std::move(addresses);
}

Result<> LinkSession::begin() {
    if (configured_.is_found) return begin_found();
    if (argument_->mac && *argument_->mac != link().mac) TRY(change_mac(*argument_->mac));
    if (argument_->mtu && *argument_->mtu != link().mtu)
        if (Result<> changed = change_mtu(*argument_->mtu); !changed)
            log_warning(changed.error().what, ", ignoring");
    if (link().state == LinkState::up) return look_at(link());
    had_carrier_when_down_ = link().carrier == Carrier::unsettled;
    TRY(network().set_link_state(link(), LinkState::up));
    undo_.push("setting " + link().name + " down", [this_network = &network(), link = link()] {
        return this_network->set_link_state(link, LinkState::down);
    });
    return {};
}

Result<> LinkSession::begin_found() {
    auto own = std::ranges::find(configured_.addresses, IpAddress::Family::v4,
                                 [](const InterfaceAddress& each) { return each.address.family; });
    if (!argument_->dhcp || own == configured_.addresses.end()) {
        state_ = State::ready;
        return {};
    }
    client_.emplace(link(), load_be32(TRY(system_->random_bytes(4)).data()), wishes_);
    client_->confirm(system_->now(), own->address, own->prefix_length);
    return start_dhcp();
}

Result<> LinkSession::change_mac(const MacAddress& mac) {
    if (link().state == LinkState::up)
        return permanent_error(link().name, " is up already: its MAC address cannot be set");
    TRY(network().set_mac(link(), mac));
    undo_.push("giving " + link().name + " its own MAC address back",
               [this_network = &network(), link = link()] { return this_network->set_mac(link, link.mac); });
    configured_.link.mac = mac;
    return {};
}

Result<> LinkSession::change_mtu(uint32_t bytes) {
    TRY(network().set_mtu(link(), bytes));
    undo_.push("giving " + link().name + " its MTU back",
               [this_network = &network(), link = link()] { return this_network->set_mtu(link, link.mtu); });
    configured_.link.mtu = bytes;
    return {};
}

/// The kernel refuses a VLAN an MTU above that of the link below it.
Result<> LinkSession::raise_below(int parent, uint32_t bytes) {
    for (const Link& below : TRY(network().links())) {
        if (below.index != parent || below.mtu >= bytes) continue;
        if (below.parent != 0) TRY(raise_below(below.parent, bytes));
        TRY(network().set_mtu(below, bytes));
        undo_.push("giving " + below.name + " its MTU back",
                   [this_network = &network(), below] { return this_network->set_mtu(below, below.mtu); });
    }
    return {};
}

Result<> LinkSession::raise_below_and_change_mtu(uint32_t bytes) {
    if (link().parent != 0) TRY(raise_below(link().parent, bytes));
    return change_mtu(bytes);
}

Result<> LinkSession::look_at(const Link& link) {
    configured_.link = link;
    // A link that had its carrier before it was set up has its queues at once; its operational state, which
    // the kernel works out later, is nothing to wait for.
    bool has_carrier =
        link.carrier == Carrier::present
        || (link.carrier == Carrier::unsettled && link.state == LinkState::up && had_carrier_when_down_);
    if (state_ == State::waiting_for_carrier && has_carrier) {
        waiting_since_ = system_->now();
        return start_asking();
    }
    if (state_ == State::asking && !has_carrier) {
        stop_asking();
        configured_.advice = {};
        settles_at_.reset();
        waiting_since_ = system_->now();
        // Links that somebody else configured stay as they are.
        state_ = configured_.is_found ? State::ready : State::waiting_for_carrier;
    } else if (state_ == State::asking && autoconfiguration_) {
        return look_at_addresses();
    }
    return {};
}

Result<> LinkSession::start_asking() {
    bool asks_routers = argument_->ipv6 != IpArgument::Ipv6::none;
    bool is_new = !client_ && !autoconfiguration_;
    uint32_t seed = 0;
    if (is_new && (argument_->dhcp || asks_routers)) seed = load_be32(TRY(system_->random_bytes(4)).data());
    if (is_new && argument_->dhcp) client_.emplace(link(), seed, wishes_);
    if (is_new && asks_routers) autoconfiguration_.emplace(argument_->ipv6, link().mac, seed, wishes_.choice);
    state_ = State::asking;
    if (autoconfiguration_) autoconfiguration_->start();
    if (client_) {
        client_->start(system_->now());
        TRY(start_dhcp());
    }
    if (autoconfiguration_) return look_at_addresses();
    settle();
    return {};
}

Result<> LinkSession::start_dhcp() {
    state_ = State::asking;
    TRY(network().open_dhcp(link()));
    undo_.push("closing the packet socket on " + link().name,
               [this_network = &network(), link = link()]() -> Result<> {
                   this_network->close_dhcp(link);
                   return {};
               });
    return continue_asking();
}

Result<> LinkSession::look_at_addresses() {
    autoconfiguration_->look_at(system_->now(), link().advice, TRY(network().addresses(link())));
    return continue_asking();
}

void LinkSession::settle() {
    bool is_given_up = client_ && client_->has_given_up();
    if (has_lease() || has_ipv6() || !argument_->fixed.empty())
        settles_at_ = settles_at_.value_or(system_->now() + kOtherVersionPatience);
    bool is_complete = (!client_ || has_lease()) && (!autoconfiguration_ || has_ipv6());
    bool is_late = settles_at_ && system_->now() >= *settles_at_;
    if (!is_complete && !is_late && !is_given_up) return;
    stop_asking();
    state_ = State::ready;
}

void LinkSession::stop_asking() {
    if (client_) network().close_dhcp(link());
    if (has_dhcp6_socket_) network().close_dhcp6(link());
    has_dhcp6_socket_ = false;
}

/// The link may go away at any moment, which its own event tells better.
static bool is_link_gone(const Error& error) {
    return error.is_transient() || error.code == ENOBUFS || error.code == ENODEV || error.code == ENXIO;
}

static Result<> tolerate_loss_of_link(Result<> sent) {
    if (sent || !is_link_gone(sent.error())) return sent;
    log_warning(sent.error().what, ", ignoring");
    return {};
}

Result<> LinkSession::continue_asking() {
    if (state_ != State::asking) return {};
    while (std::optional<Bytes> message = client_ ? client_->message_due(system_->now()) : std::nullopt)
        TRY(tolerate_loss_of_link(network().send_dhcp(link(), *message)));
    while (std::optional<Bytes> message =
               autoconfiguration_ ? autoconfiguration_->message_due(system_->now()) : std::nullopt)
        TRY(tolerate_loss_of_link(send_dhcp6(*message)));
    settle();
    return {};
}

Result<> LinkSession::send_dhcp6(ByteView message) {
    if (!has_dhcp6_socket_) {
        TRY(network().open_dhcp6(link()));
        undo_.push("closing the DHCPv6 socket on " + link().name,
                   [this_network = &network(), link = link()]() -> Result<> {
                       this_network->close_dhcp6(link);
                       return {};
                   });
        has_dhcp6_socket_ = true;
    }
    return network().send_dhcp6(link(), message);
}

Result<> LinkSession::receive(const NetworkEvent& event) {
    if (argument_->ipv6 != IpArgument::Ipv6::none && event.kind == NetworkEvent::Kind::router_advertised)
        configured_.advice.take(event.message);
    if (state_ != State::asking) return {};
    if (autoconfiguration_ && event.kind == NetworkEvent::Kind::dhcp6_received) {
        autoconfiguration_->receive(system_->now(), event.message);
        return look_at_addresses();
    }
    if (client_ && event.kind == NetworkEvent::Kind::dhcp_received)
        client_->receive(system_->now(), event.message);
    return continue_asking();
}

Result<> LinkSession::configure() {
    configured_.configured_at = system_->now();
    if (configured_.is_found) {
        TRY(configure_found());
    } else {
        if (has_lease()) TRY(configure_from_lease());
        for (const FixedAddress& fixed : argument_->fixed)
            TRY(configure_fixed(fixed));
        if (has_ipv6()) TRY(configure_from_routers());
    }
    state_ = State::configured;
    return {};
}

/// Hands the command line's addresses and a lease of ours over like any other; the addresses and routes are
/// set already.
Result<> LinkSession::configure_found() {
    for (const FixedAddress& fixed : argument_->fixed) {
        LinkPlan plan = plan_from_argument(fixed);
        auto same = std::ranges::find(configured_.addresses, fixed.address, &InterfaceAddress::address);
        if (same == configured_.addresses.end()) continue;
        configured_.is_found = false;
        configured_.fixed.push_back(plan.address);
        configured_.routes.insert(configured_.routes.end(), plan.routes.begin(), plan.routes.end());
    }
    if (!has_lease()) return {};
    configured_.lease = *client_->lease();
    if (!client_->owns_lease()) return {};
    configured_.is_found = false;
    configured_.configured_at = client_->requested_at();
    LinkPlan plan = plan_from_lease(*configured_.lease);
    configured_.routes = plan.routes;
    return network().add_address(link(), plan.address);
}

Result<> LinkSession::configure_fixed(const FixedAddress& fixed) {
    LinkPlan plan = plan_from_argument(fixed);
    TRY(add_address(plan.address));
    configured_.fixed.push_back(plan.address);
    for (const Route& route : plan.routes)
        add_route(route);
    return {};
}

Result<> LinkSession::configure_from_lease() {
    const Lease& lease = *client_->lease();
    for (const std::string& ignored : lease.ignored)
        log_warning("DHCP server ", lease.server.to_text(), ": ", ignored, ", ignoring");
    configured_.lease = lease;
    configured_.configured_at = client_->requested_at();
    if (lease.mtu && !argument_->mtu && *lease.mtu != link().mtu)
        if (Result<> changed = raise_below_and_change_mtu(*lease.mtu); !changed)
            log_warning("setting the MTU from DHCP failed, ignoring: ", changed.error().what);
    LinkPlan plan = plan_from_lease(lease);
    TRY(add_address(plan.address));
    for (const Route& route : plan.routes)
        add_route(route);
    return {};
}

/// The kernel has made the routes, and the addresses but for DHCPv6's.
Result<> LinkSession::configure_from_routers() {
    configured_.hears_routers = true;
    for (const std::string& ignored : configured_.advice.ignored)
        log_warning("routers on ", link().name, ": ", ignored, ", ignoring");
    if (autoconfiguration_->lease()) {
        configured_.dhcp6 = autoconfiguration_->lease();
        Time asked = autoconfiguration_->requested_at();
        configured_.configured_at = configured_.lease ? std::min(configured_.configured_at, asked) : asked;
        for (const std::string& ignored : configured_.dhcp6->ignored)
            log_warning("DHCPv6 server on ", link().name, ": ", ignored, ", ignoring");
        // It goes before those of the kernel: the server knows the node by it.
        if (configured_.dhcp6->address) TRY(add_address(configured_.dhcp6->interface_address()));
    }
    const std::vector<InterfaceAddress>& made = autoconfiguration_->made_by_kernel();
    configured_.addresses.insert(configured_.addresses.end(), made.begin(), made.end());
    return {};
}

Result<> LinkSession::add_address(const InterfaceAddress& address) {
    TRY(network().add_address(link(), address));
    undo_.push(text("removing the address ", address.to_text(), " from ", link().name),
               [this_network = &network(), link = link(), address] {
                   return this_network->remove_address(link, address);
               });
    configured_.addresses.push_back(address);
    return {};
}

void LinkSession::add_route(const Route& route) {
    if (Result<> added = network().add_route(link(), route); added)
        configured_.routes.push_back(route);
    else
        log_warning(added.error().what, ", ignoring");
}

Time LinkSession::next_send() const {
    if (state_ != State::asking) return Time::max();
    Time next = settles_at_.value_or(Time::max());
    if (client_) next = std::min(next, client_->next_send());
    if (autoconfiguration_) next = std::min(next, autoconfiguration_->next_send());
    return next;
}

Time LinkSession::gives_up_at() const {
    return waiting_since_ + kPatience;
}

std::string LinkSession::describe() const {
    std::string told = text(link().name, " (", link().mac.to_text(), "): ");
    bool has_asked = client_ || autoconfiguration_;
    if (state_ == State::waiting_for_carrier && !has_asked) return told + "no carrier";
    if (!has_asked) return told + "carrier";
    if (state_ == State::waiting_for_carrier) told += "carrier lost, ";
    if (client_) told += client_->history().to_text();
    if (client_ && autoconfiguration_) told += "; IPv6: ";
    return autoconfiguration_ ? told + autoconfiguration_->describe() : told;
}

} // namespace mangrove
