#include <linux/rtnetlink.h>
#include <netinet/icmp6.h>
#include <poll.h>

#include "system/linux/network.h"
#include "system/linux/wait.h"

namespace mangrove {

Result<> LinuxNetwork::open_dhcp(const Link& link) {
    dhcp_sockets_.erase(link.index);
    dhcp_sockets_.emplace(link.index, TRY(DhcpSocket::open(link)));
    return {};
}

void LinuxNetwork::close_dhcp(const Link& link) {
    dhcp_sockets_.erase(link.index);
}

Result<> LinuxNetwork::send_dhcp(const Link& link, ByteView message) {
    auto socket = dhcp_sockets_.find(link.index);
    if (socket == dhcp_sockets_.end())
        return permanent_error("sending a DHCP message on ", link.name, ": there is no socket for it");
    return socket->second.broadcast(message);
}

Result<> LinuxNetwork::open_dhcp6(const Link& link) {
    dhcp6_sockets_.erase(link.index);
    dhcp6_sockets_.emplace(link.index, TRY(Dhcp6Socket::open(link)));
    return {};
}

void LinuxNetwork::close_dhcp6(const Link& link) {
    dhcp6_sockets_.erase(link.index);
}

Result<> LinuxNetwork::send_dhcp6(const Link& link, ByteView message) {
    auto socket = dhcp6_sockets_.find(link.index);
    if (socket == dhcp6_sockets_.end())
        return permanent_error("sending a DHCPv6 message on ", link.name, ": there is no socket for it");
    return socket->second.send_to_servers(message);
}

static std::optional<NetworkEvent> to_event(const NetlinkMessage& message) {
    std::optional<nduseroptmsg> head = message.header<nduseroptmsg>();
    if (message.type != RTM_NEWNDUSEROPT || !head) return std::nullopt;
    bool is_advertisement =
        head->nduseropt_family == AF_INET6 && head->nduseropt_icmp_type == ND_ROUTER_ADVERT;
    if (!is_advertisement || message.payload.size() - sizeof *head < head->nduseropt_opts_len)
        return std::nullopt;
    auto begin = message.payload.begin() + sizeof *head;
    return NetworkEvent{NetworkEvent::Kind::router_advertised,
                        head->nduseropt_ifindex,
                        {begin, begin + head->nduseropt_opts_len}};
}

Result<> LinuxNetwork::take_advertisements() {
    for (;;) {
        std::vector<NetlinkMessage> messages = TRY(advertisements_->next(Clock::now()));
        if (messages.empty()) return {};
        for (const NetlinkMessage& message : messages)
            if (std::optional<NetworkEvent> event = to_event(message))
                advertised_.push_back(std::move(*event));
    }
}

Result<std::optional<NetworkEvent>> LinuxNetwork::take_event() {
    // Before the address that the kernel made of the same advertisement: with it the boot goes on.
    TRY(take_advertisements());
    if (!advertised_.empty()) {
        NetworkEvent event = std::move(advertised_.front());
        advertised_.pop_front();
        return event;
    }
    bool udev_has_news = udev_ && TRY(udev_->drain());
    if (TRY(events_->drain()) || udev_has_news) return NetworkEvent{};
    for (auto& [link_index, socket] : dhcp_sockets_)
        if (std::optional<Bytes> message = TRY(socket.receive()))
            return NetworkEvent{NetworkEvent::Kind::dhcp_received, link_index, std::move(*message)};
    for (auto& [link_index, socket] : dhcp6_sockets_)
        if (std::optional<Bytes> message = TRY(socket.receive()))
            return NetworkEvent{NetworkEvent::Kind::dhcp6_received, link_index, std::move(*message)};
    return std::optional<NetworkEvent>();
}

Result<std::optional<NetworkEvent>> LinuxNetwork::wait(Deadline deadline) {
    TRY(open());
    for (;;) {
        std::optional<NetworkEvent> event = TRY(take_event());
        if (event) return event;
        std::vector<pollfd> waited = {{events_->fd(), POLLIN, 0}, {advertisements_->fd(), POLLIN, 0}};
        if (udev_) waited.push_back({udev_->fd(), POLLIN, 0});
        for (const auto& [link_index, socket] : dhcp_sockets_)
            waited.push_back({socket.fd(), POLLIN, 0});
        for (const auto& [link_index, socket] : dhcp6_sockets_)
            waited.push_back({socket.fd(), POLLIN, 0});
        if (!TRY(wait_for_any(waited, deadline), "waiting for the network"))
            return std::optional<NetworkEvent>();
    }
}

} // namespace mangrove
