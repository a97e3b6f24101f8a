#include "system/linux/network.h"

#include <algorithm>
#include <cerrno>
#include <linux/if.h>
#include <linux/if_addr.h>
#include <linux/if_arp.h>
#include <linux/rtnetlink.h>

namespace mangrove {

static uint8_t address_family(const IpAddress& address) {
    return address.family == IpAddress::Family::v4 ? AF_INET : AF_INET6;
}

Result<> LinuxNetwork::open() {
    if (manager_ == DeviceManager::udev && !udev_) udev_ = TRY(UdevLinks::watch());
    if (!events_)
        events_ =
            TRY(NetlinkSocket::open(NETLINK_ROUTE, RTMGRP_LINK | RTMGRP_IPV6_IFADDR | RTMGRP_IPV6_IFINFO));
    if (!advertisements_)
        advertisements_ = TRY(NetlinkSocket::open(NETLINK_ROUTE, 1u << (RTNLGRP_ND_USEROPT - 1)));
    if (!requests_) requests_ = TRY(NetlinkSocket::open(NETLINK_ROUTE, 0));
    return {};
}

Result<> LinuxNetwork::execute(const NetlinkRequest& request, const std::string& operation) {
    TRY(open(), operation);
    return requests_->execute(request, operation);
}

static Carrier carrier_of(unsigned flags, ByteView attributes) {
    // Beside the carrier itself (IFF_LOWER_UP) the operational state of RFC 2863 (IFF_RUNNING): 802.1X or
    // LACP have let us in. It alone is not enough, for it is "unknown", which counts as up, for a moment
    // after setting up.
    constexpr unsigned kReady = IFF_UP | IFF_LOWER_UP | IFF_RUNNING;
    if ((flags & kReady) == kReady) return Carrier::present;
    std::optional<ByteView> carrier = find_attribute(attributes, IFLA_CARRIER);
    bool has_carrier = carrier && !carrier->empty() && carrier->front() != 0;
    return has_carrier && !(flags & IFF_DORMANT) ? Carrier::unsettled : Carrier::absent;
}

/// From the flags of the kernel's IPv6 side of the link, which keeps what the last router said.
static RouterAdvice advice_of(ByteView attributes) {
    // IF_RA_… of the kernel's include/net/if_inet6.h, which iproute2 shows as well.
    constexpr uint32_t kReceived = 0x20;
    constexpr uint32_t kManaged = 0x40;
    constexpr uint32_t kOther = 0x80;
    std::optional<ByteView> sides = find_attribute(attributes, IFLA_AF_SPEC);
    std::optional<ByteView> v6 = sides ? find_attribute(*sides, AF_INET6) : std::nullopt;
    uint32_t flags = v6 ? find_number(*v6, IFLA_INET6_FLAGS).value_or(0) : 0;
    if (!(flags & kReceived)) return RouterAdvice::unheard;
    return flags & kManaged ? RouterAdvice::dhcp_for_addresses
           : flags & kOther ? RouterAdvice::dhcp_for_other
                            : RouterAdvice::no_dhcp;
}

static Bytes find_bytes(ByteView attributes, uint16_t type) {
    std::optional<ByteView> found = find_attribute(attributes, type);
    return found ? Bytes(found->begin(), found->end()) : Bytes();
}

static std::optional<Link> to_link(const NetlinkMessage& message) {
    std::optional<ifinfomsg> head = message.header<ifinfomsg>();
    if (message.type != RTM_NEWLINK || !head) return std::nullopt;
    ByteView attributes = message.attributes(sizeof *head);
    Link link;
    link.index = head->ifi_index;
    link.name = find_text(attributes, IFLA_IFNAME);
    link.type = head->ifi_type == ARPHRD_ETHER        ? Link::Type::ethernet
                : head->ifi_type == ARPHRD_INFINIBAND ? Link::Type::infiniband
                : head->ifi_type == ARPHRD_LOOPBACK   ? Link::Type::loopback
                                                      : Link::Type::other;
    link.state = head->ifi_flags & IFF_UP ? LinkState::up : LinkState::down;
    link.carrier = carrier_of(head->ifi_flags, attributes);
    link.mtu = find_number(attributes, IFLA_MTU).value_or(0);
    link.address = find_bytes(attributes, IFLA_ADDRESS);
    link.broadcast = find_bytes(attributes, IFLA_BROADCAST);
    if (link.address.size() == link.mac.bytes.size()) std::ranges::copy(link.address, link.mac.bytes.begin());
    if (Bytes guid = link.guid(); !guid.empty()) link.mac = mac_of_guid(guid);
    if (std::optional<ByteView> info = find_attribute(attributes, IFLA_LINKINFO))
        link.kind = find_text(*info, IFLA_INFO_KIND);
    if (link.kind == "vlan") link.parent = static_cast<int>(find_number(attributes, IFLA_LINK).value_or(0));
    link.advice = advice_of(attributes);
    return link;
}

Result<std::vector<Link>> LinuxNetwork::links() {
    constexpr std::string_view kOperation = "listing the network interfaces";
    TRY(open(), kOperation);
    NetlinkRequest request(RTM_GETLINK, 0);
    request.header(ifinfomsg{}).attribute(IFLA_EXT_MASK, uint32_t{RTEXT_FILTER_SKIP_STATS});
    std::vector<Link> links;
    for (const NetlinkMessage& message : TRY(requests_->dump(request, std::string(kOperation))))
        if (std::optional<Link> link = to_link(message)) links.push_back(std::move(*link));
    if (udev_)
        std::erase_if(links, [&](const Link& link) {
            return link.type != Link::Type::loopback && !udev_->has_finished(link.index);
        });
    return links;
}

static NetlinkRequest change_link(const Link& link) {
    ifinfomsg head = {};
    head.ifi_index = link.index;
    NetlinkRequest request(RTM_NEWLINK, 0);
    request.header(head);
    return request;
}

Result<> LinuxNetwork::set_link_state(const Link& link, LinkState state) {
    ifinfomsg head = {};
    head.ifi_index = link.index;
    head.ifi_change = IFF_UP;
    head.ifi_flags = state == LinkState::up ? unsigned{IFF_UP} : 0;
    NetlinkRequest request(RTM_NEWLINK, 0);
    request.header(head);
    return execute(request, text("setting ", link.name, state == LinkState::up ? " up" : " down"));
}

Result<> LinuxNetwork::set_mtu(const Link& link, uint32_t bytes) {
    return execute(change_link(link).attribute(IFLA_MTU, bytes),
                   text("setting the MTU of ", link.name, " to ", bytes));
}

Result<> LinuxNetwork::set_mac(const Link& link, const MacAddress& mac) {
    return execute(change_link(link).attribute(IFLA_ADDRESS, ByteView(mac.bytes)),
                   text("setting the MAC address of ", link.name, " to ", mac.to_text()));
}

Result<> LinuxNetwork::rename_link(const Link& link, const std::string& name) {
    return execute(change_link(link).attribute(IFLA_IFNAME, as_bytes(name + '\0')),
                   text("renaming ", link.name, " to ", name));
}

Result<> LinuxNetwork::add_vlan(const std::string& name, const Link& parent, uint16_t id) {
    NetlinkAttributes data;
    data.add(IFLA_VLAN_ID, {reinterpret_cast<const uint8_t*>(&id), sizeof id});
    NetlinkAttributes info;
    info.add(IFLA_INFO_KIND, as_bytes("vlan"));
    info.add(IFLA_INFO_DATA, data.bytes());
    NetlinkRequest request(RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL);
    request.header(ifinfomsg{})
        .attribute(IFLA_IFNAME, as_bytes(name + '\0'))
        .attribute(IFLA_LINK, static_cast<uint32_t>(parent.index))
        .attribute(IFLA_LINKINFO, info.bytes());
    return execute(request, text("adding ", name, " for VLAN ", id, " on ", parent.name));
}

Result<> LinuxNetwork::remove_link(const std::string& name) {
    NetlinkRequest request(RTM_DELLINK, 0);
    request.header(ifinfomsg{}).attribute(IFLA_IFNAME, as_bytes(name + '\0'));
    return execute(request, "removing " + name);
}

static IpAddress to_ip_address(uint8_t family, ByteView bytes) {
    IpAddress address;
    address.family = family == AF_INET ? IpAddress::Family::v4 : IpAddress::Family::v6;
    std::copy_n(bytes.begin(), std::min(bytes.size(), address.bytes.size()), address.bytes.begin());
    return address;
}

static std::optional<InterfaceAddress> to_interface_address(const NetlinkMessage& message, int link_index) {
    std::optional<ifaddrmsg> head = message.header<ifaddrmsg>();
    if (message.type != RTM_NEWADDR || !head || static_cast<int>(head->ifa_index) != link_index)
        return std::nullopt;
    ByteView attributes = message.attributes(sizeof *head);
    std::optional<ByteView> far = find_attribute(attributes, IFA_ADDRESS);
    // IPv6 has no IFA_LOCAL unless there is another end.
    std::optional<ByteView> local = find_attribute(attributes, IFA_LOCAL);
    if (!local) local = far;
    if (!local) return std::nullopt;
    InterfaceAddress address;
    address.address = to_ip_address(head->ifa_family, *local);
    address.prefix_length = head->ifa_prefixlen;
    if (far && to_ip_address(head->ifa_family, *far) != address.address)
        address.peer = to_ip_address(head->ifa_family, *far);
    if (std::optional<ByteView> broadcast = find_attribute(attributes, IFA_BROADCAST))
        address.broadcast = to_ip_address(head->ifa_family, *broadcast);
    std::optional<ByteView> times = find_attribute(attributes, IFA_CACHEINFO);
    if (ifa_cacheinfo info; times && times->size() >= sizeof info) {
        __builtin_memcpy(&info, times->data(), sizeof info);
        if (info.ifa_valid != 0xffffffff) address.lifetime = seconds(info.ifa_valid);
    }
    address.scope = head->ifa_scope < RT_SCOPE_LINK    ? InterfaceAddress::Scope::global
                    : head->ifa_scope == RT_SCOPE_LINK ? InterfaceAddress::Scope::link
                                                       : InterfaceAddress::Scope::host;
    uint32_t flags = find_number(attributes, IFA_FLAGS).value_or(head->ifa_flags);
    using Duplicate = InterfaceAddress::Duplicate;
    address.duplicate = flags & IFA_F_DADFAILED   ? Duplicate::yes
                        : flags & IFA_F_TENTATIVE ? Duplicate::not_known
                                                  : Duplicate::no;
    return address;
}

Result<std::vector<InterfaceAddress>> LinuxNetwork::addresses(const Link& link) {
    std::string operation = "listing the addresses of " + link.name;
    TRY(open(), operation);
    NetlinkRequest request(RTM_GETADDR, 0);
    request.header(ifaddrmsg{});
    std::vector<InterfaceAddress> all;
    for (const NetlinkMessage& message : TRY(requests_->dump(request, operation)))
        if (std::optional<InterfaceAddress> address = to_interface_address(message, link.index))
            all.push_back(*address);
    return all;
}

static NetlinkRequest address_request(uint16_t type, uint16_t flags, const Link& link,
                                      const InterfaceAddress& address) {
    ifaddrmsg head = {};
    head.ifa_family = address_family(address.address);
    head.ifa_prefixlen = static_cast<uint8_t>(address.prefix_length);
    head.ifa_index = static_cast<unsigned>(link.index);
    NetlinkRequest request(type, flags);
    request.header(head);
    request.attribute(IFA_LOCAL, address.address.view());
    request.attribute(IFA_ADDRESS, address.peer.value_or(address.address).view());
    return request;
}

Result<> LinuxNetwork::add_address(const Link& link, const InterfaceAddress& address) {
    NetlinkRequest request = address_request(RTM_NEWADDR, NLM_F_CREATE | NLM_F_REPLACE, link, address);
    if (address.broadcast) request.attribute(IFA_BROADCAST, address.broadcast->view());
    // An address that is still being looked for twice on the link (RFC 4862) cannot be used, and ours is
    // given.
    if (address.address.family == IpAddress::Family::v6) request.attribute(IFA_FLAGS, uint32_t{IFA_F_NODAD});
    if (address.lifetime) {
        ifa_cacheinfo info = {};
        info.ifa_valid = info.ifa_prefered = static_cast<uint32_t>(address.lifetime->count());
        request.attribute(IFA_CACHEINFO, {reinterpret_cast<const uint8_t*>(&info), sizeof info});
    }
    return execute(request, text("adding the address ", address.to_text(), " to ", link.name));
}

Result<> LinuxNetwork::remove_address(const Link& link, const InterfaceAddress& address) {
    return execute(address_request(RTM_DELADDR, 0, link, address),
                   text("removing the address ", address.to_text(), " from ", link.name));
}

Result<> LinuxNetwork::add_route(const Link& link, const Route& route) {
    rtmsg head = {};
    head.rtm_family = address_family(route.destination);
    head.rtm_dst_len = static_cast<uint8_t>(route.prefix_length);
    head.rtm_table = RT_TABLE_MAIN;
    head.rtm_protocol = static_cast<uint8_t>(route.origin);
    head.rtm_scope = route.gateway ? RT_SCOPE_UNIVERSE : RT_SCOPE_LINK;
    head.rtm_type = RTN_UNICAST;
    if (route.gateway_check == GatewayCheck::on_link) head.rtm_flags = RTNH_F_ONLINK;
    // Replacing does not look at the link: the default route of a second card would take the place of the
    // first one's. Appending is for IPv4; of IPv6 routes it makes several paths.
    bool is_v4 = head.rtm_family == AF_INET;
    NetlinkRequest request(RTM_NEWROUTE, NLM_F_CREATE | (is_v4 ? NLM_F_APPEND : NLM_F_REPLACE));
    request.header(head).attribute(RTA_OIF, static_cast<uint32_t>(link.index));
    if (route.prefix_length > 0) request.attribute(RTA_DST, route.destination.view());
    if (route.gateway) request.attribute(RTA_GATEWAY, route.gateway->view());
    if (route.source) request.attribute(RTA_PREFSRC, route.source->view());
    if (route.metric > 0) request.attribute(RTA_PRIORITY, route.metric);
    Result<> added = execute(request, text("adding the route ", route.to_text(), " on ", link.name));
    if (!added && added.error().code == EEXIST) return {};
    return added;
}

} // namespace mangrove
