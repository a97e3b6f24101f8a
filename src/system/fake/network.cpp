#include "system/fake/network.h"

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <fcntl.h>

namespace mangrove {

void FakeNetwork::add_card(const std::string& name, const MacAddress& mac) {
    Link link;
    link.name = name;
    link.type = Link::Type::ethernet;
    link.mac = mac;
    link.mtu = 1500;
    add_link(std::move(link));
}

void FakeNetwork::add_infiniband(const std::string& name, const Bytes& address) {
    Link link;
    link.name = name;
    link.type = Link::Type::infiniband;
    link.kind = "ipoib";
    link.address = address;
    link.broadcast = Bytes(address.size(), 0xff);
    link.mac = mac_of_guid(link.guid());
    link.mtu = 2044;
    add_link(std::move(link));
}

void FakeNetwork::add_link(Link link) {
    link.index = static_cast<int>(interfaces_.size()) + 1;
    interfaces_.emplace_back().link = std::move(link);
    update_carrier(interfaces_.back());
    tell_change();
}

void FakeNetwork::update_carrier(Interface& interface) {
    bool is_shown = interface.link.state == LinkState::up || interface.cable == Carrier::unsettled;
    interface.link.carrier = is_shown ? interface.cable : Carrier::absent;
}

void FakeNetwork::set_cable(const std::string& name, Carrier cable) {
    Interface& interface = find(name);
    interface.cable = cable;
    update_carrier(interface);
    tell_change();
}

void FakeNetwork::add_address_before(const std::string& name, const InterfaceAddress& address) {
    Interface& interface = find(name);
    interface.link.state = LinkState::up;
    interface.addresses.push_back(address);
    update_carrier(interface);
}

void FakeNetwork::serve_dhcp(const std::string& name, DhcpServer server, milliseconds delay) {
    Interface& interface = find(name);
    interface.server = std::move(server);
    interface.server_delay = delay;
}

void FakeNetwork::make_address(const std::string& name, InterfaceAddress address) {
    address.duplicate = InterfaceAddress::Duplicate::not_known;
    find(name).addresses.push_back(address);
    tell_change();
    after(seconds(1), [this, name, made = address.address] {
        for (InterfaceAddress& each : find(name).addresses)
            if (each.address == made) each.duplicate = InterfaceAddress::Duplicate::no;
        tell_change();
    });
}

void FakeNetwork::advertise(const std::string& name, RouterAdvice advice, std::optional<IpAddress> address) {
    find(name).link.advice = advice;
    if (address)
        make_address(name, {.address = *address, .prefix_length = 64, .lifetime = seconds(3600)});
    else
        tell_change();
}

void FakeNetwork::after(milliseconds delay, std::function<void()> happens) {
    events_.emplace(now() + delay, std::move(happens));
}

FakeNetwork::Interface& FakeNetwork::find(const std::string& name) {
    return const_cast<Interface&>(static_cast<const FakeNetwork*>(this)->find(name));
}

const FakeNetwork::Interface& FakeNetwork::find(const std::string& name) const {
    auto found =
        std::ranges::find_if(interfaces_, [&](const Interface& each) { return each.link.name == name; });
    if (found == interfaces_.end()) std::abort(); // a mistake in the test
    return *found;
}

Result<FakeNetwork::Interface*> FakeNetwork::find(const Link& link, const std::string& operation) {
    for (Interface& interface : interfaces_)
        if (interface.link.index == link.index) return &interface;
    return system_error(ENODEV, operation);
}

const Link& FakeNetwork::link(const std::string& name) const {
    return find(name).link;
}

const std::vector<InterfaceAddress>& FakeNetwork::addresses_of(const std::string& name) const {
    return find(name).addresses;
}

const std::vector<Route>& FakeNetwork::routes_of(const std::string& name) const {
    return find(name).routes;
}

Result<std::vector<Link>> FakeNetwork::links() {
    TRY(transcript_.record("listing the network interfaces"));
    std::vector<Link> all;
    for (const Interface& interface : interfaces_)
        all.push_back(interface.link);
    return all;
}

Result<> FakeNetwork::set_link_state(const Link& link, LinkState state) {
    std::string operation = text("setting ", link.name, state == LinkState::up ? " up" : " down");
    TRY(transcript_.record(operation));
    Interface* interface = TRY(find(link, operation));
    if (state == LinkState::up && interface->refusal) return system_error(interface->refusal, operation);
    interface->link.state = state;
    if (state == LinkState::down) {
        interface->routes.clear();
        // The kernel's IPv6 side forgets what it made itself.
        interface->link.advice = RouterAdvice::unheard;
        std::erase_if(interface->addresses, [](const InterfaceAddress& each) {
            return each.address.family == IpAddress::Family::v6;
        });
    } else if (interface->server6) {
        InterfaceAddress own = {.address = *IpAddress::parse("fe80::1234"), .prefix_length = 64};
        own.scope = InterfaceAddress::Scope::link;
        make_address(link.name, own);
    }
    update_carrier(*interface);
    tell_change();
    return {};
}

Result<> FakeNetwork::set_mtu(const Link& link, uint32_t bytes) {
    std::string operation = text("setting the MTU of ", link.name, " to ", bytes);
    TRY(transcript_.record(operation));
    Interface* interface = TRY(find(link, operation));
    for (const Interface& below : interfaces_)
        if (below.link.index == interface->link.parent && below.link.mtu < bytes)
            return system_error(ERANGE, operation);
    interface->link.mtu = bytes;
    return {};
}

Result<> FakeNetwork::set_mac(const Link& link, const MacAddress& mac) {
    std::string operation = text("setting the MAC address of ", link.name, " to ", mac.to_text());
    TRY(transcript_.record(operation));
    Interface* interface = TRY(find(link, operation));
    if (interface->link.state == LinkState::up) return system_error(EBUSY, operation);
    interface->link.mac = mac;
    return {};
}

Result<> FakeNetwork::rename_link(const Link& link, const std::string& name) {
    std::string operation = text("renaming ", link.name, " to ", name);
    TRY(transcript_.record(operation));
    Interface* interface = TRY(find(link, operation));
    bool is_taken = std::ranges::any_of(interfaces_, [&](const Interface& each) {
        return each.link.name == name && each.link.index != link.index;
    });
    if (is_taken) return system_error(EEXIST, operation);
    if (interface->link.state == LinkState::up) return system_error(EBUSY, operation);
    interface->link.name = name;
    tell_change();
    return {};
}

Result<> FakeNetwork::add_vlan(const std::string& name, const Link& parent, uint16_t id) {
    std::string operation = text("adding ", name, " for VLAN ", id, " on ", parent.name);
    TRY(transcript_.record(operation));
    Interface* below = TRY(find(parent, operation));
    Link link;
    link.name = name;
    link.type = Link::Type::ethernet;
    link.mac = below->link.mac;
    link.mtu = below->link.mtu;
    link.kind = "vlan";
    link.parent = parent.index;
    add_link(link);
    find(name).cable = below->cable;
    tell_change();
    return {};
}

Result<> FakeNetwork::remove_link(const std::string& name) {
    TRY(transcript_.record("removing " + name));
    std::erase_if(interfaces_, [&](const Interface& each) { return each.link.name == name; });
    tell_change();
    return {};
}

Result<std::vector<InterfaceAddress>> FakeNetwork::addresses(const Link& link) {
    std::string operation = "listing the addresses of " + link.name;
    TRY(transcript_.record(operation));
    Interface* interface = TRY(find(link, operation));
    std::vector<InterfaceAddress> shown = interface->addresses;
    for (InterfaceAddress& address : shown)
        if (auto added = interface->added.find(address.to_text());
            address.lifetime && added != interface->added.end())
            *address.lifetime -= std::chrono::duration_cast<seconds>(now() - added->second);
    return shown;
}

Result<> FakeNetwork::add_address(const Link& link, const InterfaceAddress& address) {
    std::string operation = text("adding the address ", address.to_text(), " to ", link.name);
    TRY(transcript_.record(operation));
    Interface* interface = TRY(find(link, operation));
    std::erase_if(interface->addresses, [&](const auto& each) { return each.address == address.address; });
    interface->addresses.push_back(address);
    interface->added[address.to_text()] = now();
    return {};
}

Result<> FakeNetwork::remove_address(const Link& link, const InterfaceAddress& address) {
    std::string operation = text("removing the address ", address.to_text(), " from ", link.name);
    TRY(transcript_.record(operation));
    Interface* interface = TRY(find(link, operation));
    if (std::erase(interface->addresses, address) == 0) return system_error(EADDRNOTAVAIL, operation);
    if (interface->addresses.empty()) interface->routes.clear();
    return {};
}

/// Whether the kernel would take the gateway: one of the link's own networks holds it.
static bool is_reachable(const std::vector<InterfaceAddress>& addresses, const IpAddress& gateway) {
    return std::ranges::any_of(addresses, [&](const InterfaceAddress& own) {
        return is_in_same_network(own.peer.value_or(own.address), gateway, own.prefix_length);
    });
}

Result<> FakeNetwork::add_route(const Link& link, const Route& route) {
    std::string operation = text("adding the route ", route.to_text(), " on ", link.name);
    TRY(transcript_.record(operation));
    Interface* interface = TRY(find(link, operation));
    bool is_down = interface->link.state == LinkState::down;
    bool must_reach = route.gateway && route.gateway_check == GatewayCheck::inside_network;
    bool has_direct_route = std::ranges::any_of(interface->routes, [&](const Route& other) {
        return route.gateway && !other.gateway
               && is_in_same_network(other.destination, *route.gateway, other.prefix_length);
    });
    if (must_reach && (is_down || (!has_direct_route && !is_reachable(interface->addresses, *route.gateway))))
        return system_error(ENETUNREACH, operation);
    if (is_down) return system_error(ENETDOWN, operation);
    if (std::ranges::find(interface->routes, route) == interface->routes.end())
        interface->routes.push_back(route);
    return {};
}

Result<> FakeNetwork::open_dhcp(const Link& link) {
    std::string operation = "opening a packet socket on " + link.name;
    TRY(transcript_.record(operation));
    TRY(find(link, operation));
    dhcp_sockets_.insert(link.index);
    return {};
}

void FakeNetwork::close_dhcp(const Link& link) {
    dhcp_sockets_.erase(link.index);
}

Result<> FakeNetwork::send_dhcp(const Link& link, ByteView message) {
    std::string operation = "sending a DHCP message on " + link.name;
    TRY(transcript_.record(operation));
    Interface* interface = TRY(find(link, operation));
    if (!dhcp_sockets_.contains(link.index)) return system_error(EBADF, operation);
    if (interface->link.state == LinkState::down) return system_error(ENETDOWN, operation);
    if (!interface->server || interface->link.carrier == Carrier::absent) return {};
    for (Bytes& answer : interface->server(message))
        after(interface->server_delay, [this, index = link.index, answer = std::move(answer)] {
            if (dhcp_sockets_.contains(index))
                pending_.push_back({NetworkEvent::Kind::dhcp_received, index, answer});
        });
    return {};
}

Result<> FakeNetwork::open_dhcp6(const Link& link) {
    std::string operation = "opening a DHCPv6 socket on " + link.name;
    TRY(transcript_.record(operation));
    TRY(find(link, operation));
    dhcp6_sockets_.insert(link.index);
    return {};
}

void FakeNetwork::close_dhcp6(const Link& link) {
    dhcp6_sockets_.erase(link.index);
}

Result<> FakeNetwork::send_dhcp6(const Link& link, ByteView message) {
    std::string operation = "sending a DHCPv6 message on " + link.name;
    TRY(transcript_.record(operation));
    Interface* interface = TRY(find(link, operation));
    if (!dhcp6_sockets_.contains(link.index)) return system_error(EBADF, operation);
    if (interface->link.state == LinkState::down) return system_error(ENETDOWN, operation);
    bool has_own = std::ranges::any_of(interface->addresses, [](const InterfaceAddress& each) {
        return each.scope == InterfaceAddress::Scope::link
               && each.duplicate == InterfaceAddress::Duplicate::no;
    });
    if (!has_own) return system_error(EADDRNOTAVAIL, operation);
    if (!interface->server6 || interface->link.carrier == Carrier::absent) return {};
    for (Bytes& answer : interface->server6(message))
        after(milliseconds(2), [this, index = link.index, answer = std::move(answer)] {
            if (dhcp6_sockets_.contains(index))
                pending_.push_back({NetworkEvent::Kind::dhcp6_received, index, answer});
        });
    return {};
}

void FakeNetwork::move_clock(Time to) {
    auto duration = std::chrono::ceil<milliseconds>(to - now());
    if (duration <= milliseconds(0)) return;
    if (system_)
        system_->advance(duration);
    else
        own_now_ += duration;
}

Result<std::optional<NetworkEvent>> FakeNetwork::wait(Deadline deadline) {
    TRY(transcript_.record("waiting for the network"));
    while (pending_.empty() && !events_.empty() && events_.begin()->first <= std::max(deadline, now())) {
        auto event = events_.extract(events_.begin());
        move_clock(event.key());
        event.mapped()();
    }
    if (pending_.empty()) {
        move_clock(deadline);
        return std::optional<NetworkEvent>();
    }
    NetworkEvent event = std::move(pending_.front());
    pending_.pop_front();
    return event;
}

std::string FakeNetwork::endpoint(const IpAddress& address, uint16_t port) {
    return address.family == IpAddress::Family::v4 ? text(address.to_text(), ":", port)
                                                   : text("[", address.to_text(), "]:", port);
}

Result<UniqueFd> FakeNetwork::connect_tcp(const IpAddress& address, uint16_t port, Deadline) {
    std::string operation = "connecting to " + endpoint(address, port);
    TRY(transcript_.record(operation));
    if (!listeners_.contains(endpoint(address, port))) return system_error(ECONNREFUSED, operation);
    UniqueFd connection(::open("/dev/null", O_RDWR | O_CLOEXEC));
    const TcpServer& server = listeners_.at(endpoint(address, port));
    Bytes said = server({});
    conversations_[connection.get()] = {server, {said.begin(), said.end()}};
    return connection;
}

Result<FakeNetwork::Conversation*> FakeNetwork::conversation(const UniqueFd& connection,
                                                             const std::string& operation) {
    TRY(transcript_.record(operation));
    auto found = conversations_.find(connection.get());
    if (found == conversations_.end()) return system_error(ENOTCONN, operation);
    return &found->second;
}

Result<Bytes> FakeNetwork::receive(const UniqueFd& connection, size_t count, Deadline) {
    std::deque<uint8_t>& said = TRY(conversation(connection, "reading from the server"))->said;
    if (said.size() < count)
        return std::unexpected(Error{.what = "the server closed the connection",
                                     .permanence = Permanence::transient,
                                     .code = ECONNRESET});
    auto end = said.begin() + static_cast<std::ptrdiff_t>(count);
    Bytes bytes(said.begin(), end);
    said.erase(said.begin(), end);
    return bytes;
}

Result<> FakeNetwork::send(const UniqueFd& connection, ByteView bytes, Deadline) {
    Conversation* with = TRY(conversation(connection, "writing to the server"));
    Bytes answer = with->server(bytes);
    with->said.insert(with->said.end(), answer.begin(), answer.end());
    return {};
}

Result<std::vector<IpAddress>> FakeNetwork::resolve(const std::string& name) {
    if (std::optional<IpAddress> literal = IpAddress::parse(name)) return std::vector{*literal};
    std::string operation = text("looking up '", name, "'");
    TRY(transcript_.record(operation));
    auto host = hosts_.find(name);
    if (host == hosts_.end()) return permanent_error(operation, ": Name or service not known");
    return host->second;
}

} // namespace mangrove
