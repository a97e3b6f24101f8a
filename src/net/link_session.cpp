#include "net/link_session.h"

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
    configured_.origin =
        argument.method == IpArgument::Method::dhcp ? LinkOrigin::dhcp : LinkOrigin::command_line;
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

Result<> LinkSession::look_at(const Link& link) {
    configured_.link = link;
    // A link that had its carrier before it was set up has its queues at once; its operational state, which
    // the kernel works out later, is nothing to wait for.
    bool has_carrier =
        link.carrier == Carrier::present
        || (link.carrier == Carrier::unsettled && link.state == LinkState::up && had_carrier_when_down_);
    if (state_ == State::waiting_for_carrier && has_carrier) {
        waiting_since_ = system_->now();
        if (argument_->method == IpArgument::Method::dhcp) return start_asking();
        state_ = State::ready;
    } else if (state_ == State::asking && !has_carrier) {
        stop_asking();
        waiting_since_ = system_->now();
        state_ = State::waiting_for_carrier;
    }
    return {};
}

Result<> LinkSession::start_asking() {
    if (!client_) {
        Bytes seed = TRY(system_->random_bytes(4));
        client_.emplace(link().mac, load_be32(seed.data()), wishes_);
    }
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
    network().close_dhcp(link());
}

/// The link may go away at any moment, which its own event tells better.
static bool is_link_gone(const Error& error) {
    return error.is_transient() || error.code == ENOBUFS || error.code == ENODEV || error.code == ENXIO;
}

Result<> LinkSession::continue_asking() {
    if (state_ != State::asking) return {};
    while (std::optional<Bytes> message = client_->message_due(system_->now())) {
        Result<> sent = network().send_dhcp(link(), *message);
        if (sent) continue;
        if (!is_link_gone(sent.error())) return sent;
        log_warning(sent.error().what, ", ignoring");
    }
    return {};
}

Result<> LinkSession::receive(ByteView message) {
    if (state_ != State::asking) return {};
    if (client_->receive(system_->now(), message) != DhcpClient::Answer::granted) return continue_asking();
    stop_asking();
    state_ = State::ready;
    return {};
}

Result<> LinkSession::configure() {
    LinkPlan plan;
    if (argument_->method == IpArgument::Method::dhcp) {
        const Lease& lease = *client_->lease();
        for (const std::string& ignored : lease.ignored)
            log_warning("DHCP server ", lease.server.to_text(), ": ", ignored, ", ignoring");
        configured_.lease = lease;
        configured_.configured_at = client_->requested_at();
        plan = plan_from_lease(lease);
        if (lease.mtu && !argument_->mtu && *lease.mtu != link().mtu)
            if (Result<> changed = change_mtu(*lease.mtu); !changed)
                log_warning("the MTU that the DHCP server asks for, ignoring: ", changed.error().what);
    } else {
        configured_.configured_at = system_->now();
        plan = plan_from_argument(*argument_);
    }
    TRY(network().add_address(link(), plan.address));
    undo_.push(text("removing the address ", plan.address.to_text(), " from ", link().name),
               [this_network = &network(), link = link(), address = plan.address] {
                   return this_network->remove_address(link, address);
               });
    configured_.addresses.push_back(plan.address);
    TRY(add_routes(plan.routes));
    state_ = State::configured;
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

Time LinkSession::gives_up_at() const {
    return waiting_since_ + kPatience;
}

std::string LinkSession::describe() const {
    std::string told = text(link().name, " (", link().mac.to_text(), "): ");
    if (state_ == State::waiting_for_carrier && !client_) return told + "no carrier";
    if (!client_) return told + "carrier";
    if (state_ == State::waiting_for_carrier) told += "carrier lost, ";
    return told + client_->history().to_text();
}

} // namespace mangrove
