#include <poll.h>

#include "system/linux_network.h"
#include "system/wait.h"

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

Result<std::optional<NetworkEvent>> LinuxNetwork::take_event() {
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
        std::vector<pollfd> waited = {{events_->fd(), POLLIN, 0}};
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
