#include "net/link_session.h"

#include <algorithm>
#include <cerrno>

#include "base/byte_order.h"
#include "base/log.h"
#include "net/link_plan.h"

namespace mangrove {

// Switches with spanning tree or LACP take half a minute until they pass packets.
static constexpr seconds kPatience{60};

LinkSession::LinkSession(System& system, const Link& link, const IpArgument& argument, DhcpWishes wishes)
    : system_(&system), argument_(&argument), wishes_(wishes), waiting_since_(system.now()) {
    configured_.link = link;
    bool is_fixed = argument.method == IpArgument::Method::fixed;
    configured_.origin = argument.method == IpArgument::Method::dhcp ? LinkOrigin::dhcp
                         : is_fixed                                  ? LinkOrigin::command_line
                                                                     : LinkOrigin::routers;
}

LinkSession::LinkSession(System& system, const Link& link, const IpArgument& argument,
                         std::vector<InterfaceAddress> addresses)
    : LinkSession(system, link, argument) {
    state_ = State::configured;
    configured_.origin = LinkOrigin::found;
    configured_.addresses = std::move(addresses);
    configured_.configured_at = system.now();
}

Result<> LinkSession::begin() {
    if (argument_->mac && *argument_->mac != link().mac) TRY(change_mac(*argument_->mac));
    if (argument_->mtu && *argument_->mtu != link().mtu) TRY(change_mtu(*argument_->mtu));
    if (link().state == LinkState::up) return look_at(link());
    had_carrier_when_down_ = link().carrier == Carrier::unsettled;
    TRY(network().set_link_state(link(), LinkState::up));
    undo_.push("setting " + link().name + " down", [this_network = &network(), link = link()] {
        return this_network->set_link_state(link, LinkState::down);
    });
    return {};
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
        if (argument_->method != IpArgument::Method::fixed) return start_asking();
        state_ = State::ready;
    } else if (state_ == State::asking && !has_carrier) {
        stop_asking();
        configured_.advice = {};
        waiting_since_ = system_->now();
        state_ = State::waiting_for_carrier;
    } else if (state_ == State::asking && autoconfiguration_) {
        return look_at_addresses();
    }
    return {};
}

Result<> LinkSession::start_asking() {
    uint32_t seed = 0;
    if (!client_ && !autoconfiguration_) seed = load_be32(TRY(system_->random_bytes(4)).data());
    return is_autoconfigured() ? start_autoconfiguration(seed) : start_dhcp(seed);
}

Result<> LinkSession::start_autoconfiguration(uint32_t seed) {
    if (!autoconfiguration_) autoconfiguration_.emplace(argument_->method, link().mac, seed, wishes_.choice);
    autoconfiguration_->start();
    state_ = State::asking;
    return look_at_addresses();
}

Result<> LinkSession::look_at_addresses() {
    autoconfiguration_->look_at(system_->now(), link().advice, TRY(network().addresses(link())));
    TRY(continue_asking());
    if (!autoconfiguration_->is_ready()) return {};
    stop_asking();
    state_ = State::ready;
    return {};
}

Result<> LinkSession::start_dhcp(uint32_t seed) {
    if (!client_) client_.emplace(link().mac, seed, wishes_);
    TRY(network().open_dhcp(link()));
    undo_.push("closing the packet socket on " + link().name,
               [this_network = &network(), link = link()]() -> Result<> {
                   this_network->close_dhcp(link);
                   return {};
               });
    client_->start(system_->now());
    state_ = State::asking;
    return continue_asking();
}

void LinkSession::stop_asking() {
    if (!autoconfiguration_) return network().close_dhcp(link());
    network().close_dhcp6(link());
    has_dhcp6_socket_ = false;
}

/// The link may go away at any moment, which its own event tells better.
static bool is_link_gone(const Error& error) {
    return error.is_transient() || error.code == ENOBUFS || error.code == ENODEV || error.code == ENXIO;
}

Result<> LinkSession::continue_asking() {
    if (state_ != State::asking) return {};
    while (std::optional<Bytes> message = message_due()) {
        Result<> sent = send(*message);
        if (sent) continue;
        if (!is_link_gone(sent.error())) return sent;
        log_warning(sent.error().what, ", ignoring");
    }
    return {};
}

std::optional<Bytes> LinkSession::message_due() {
    return autoconfiguration_ ? autoconfiguration_->message_due(system_->now())
                              : client_->message_due(system_->now());
}

Result<> LinkSession::send(ByteView message) {
    if (!autoconfiguration_) return network().send_dhcp(link(), message);
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
    if (is_autoconfigured() && event.kind == NetworkEvent::Kind::router_advertised)
        configured_.advice.take(event.message);
    if (state_ != State::asking) return {};
    if (autoconfiguration_ && event.kind == NetworkEvent::Kind::dhcp6_received) {
        autoconfiguration_->receive(system_->now(), event.message);
        return look_at_addresses();
    }
    if (!client_ || event.kind != NetworkEvent::Kind::dhcp_received) return {};
    if (client_->receive(system_->now(), event.message) != DhcpClient::Answer::granted)
        return continue_asking();
    stop_asking();
    state_ = State::ready;
    return {};
}

Result<> LinkSession::configure() {
    if (is_autoconfigured()) {
        TRY(configure_from_routers());
    } else if (client_) {
        TRY(configure_from_lease());
    } else {
        configured_.configured_at = system_->now();
        LinkPlan plan = plan_from_argument(*argument_);
        TRY(add_address(plan.address));
        TRY(add_routes(plan.routes));
    }
    state_ = State::configured;
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
            log_warning("the MTU that the DHCP server asks for, ignoring: ", changed.error().what);
    LinkPlan plan = plan_from_lease(lease);
    TRY(add_address(plan.address));
    return add_routes(plan.routes);
}

/// The kernel has made the routes, and the addresses but for DHCPv6's.
Result<> LinkSession::configure_from_routers() {
    configured_.configured_at = system_->now();
    configured_.addresses = autoconfiguration_->made_by_kernel();
    for (const std::string& ignored : configured_.advice.ignored)
        log_warning("routers on ", link().name, ": ", ignored, ", ignoring");
    if (!autoconfiguration_->lease()) return {};
    configured_.dhcp6 = autoconfiguration_->lease();
    configured_.configured_at = autoconfiguration_->requested_at();
    for (const std::string& ignored : configured_.dhcp6->ignored)
        log_warning("DHCPv6 server on ", link().name, ": ", ignored, ", ignoring");
    if (!configured_.dhcp6->address) return {};
    TRY(add_address(configured_.dhcp6->interface_address()));
    // It goes first where both are there: the server knows the node by it.
    std::rotate(configured_.addresses.begin(), configured_.addresses.end() - 1, configured_.addresses.end());
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

Result<> LinkSession::add_routes(const std::vector<Route>& routes) {
    for (const Route& route : routes) {
        Result<> added = network().add_route(link(), route);
        if (added) {
            configured_.routes.push_back(route);
        } else if (route.origin == RouteOrigin::dhcp) {
            // The root may lie on this side of the router that the server got wrong.
            log_warning("a route that the DHCP server asks for, ignoring: ", added.error().what);
        } else {
            return added;
        }
    }
    return {};
}

Time LinkSession::next_send() const {
    if (state_ != State::asking) return Time::max();
    return autoconfiguration_ ? autoconfiguration_->next_send() : client_->next_send();
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
    return told + (client_ ? client_->history().to_text() : autoconfiguration_->describe());
}

} // namespace mangrove
