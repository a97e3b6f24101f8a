#include "system/linux/dhcp6_socket.h"

#include <arpa/inet.h>
#include <cerrno>
#include <cstring>
#include <netinet/in.h>
#include <sys/socket.h>

namespace mangrove {

static constexpr uint16_t kClientPort = 546;
static constexpr uint16_t kServerPort = 547;
static constexpr size_t kLargestMessage = 65535;

Result<Dhcp6Socket> Dhcp6Socket::open(const Link& link) {
    std::string operation = "opening a DHCPv6 socket on " + link.name;
    UniqueFd fd(::socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (!fd.is_open()) return system_error(errno, operation);
    struct Option {
        int level;
        int name;
        int value;
    };
    // A client of the running system may have the port on a link, too.
    const Option options[] = {{IPPROTO_IPV6, IPV6_V6ONLY, 1},
                              {SOL_SOCKET, SO_REUSEADDR, 1},
                              {IPPROTO_IPV6, IPV6_MULTICAST_IF, link.index}};
    for (const Option& option : options)
        if (::setsockopt(fd.get(), option.level, option.name, &option.value, sizeof option.value) < 0)
            return system_error(errno, operation);
    if (::setsockopt(fd.get(), SOL_SOCKET, SO_BINDTODEVICE, link.name.c_str(),
                     static_cast<socklen_t>(link.name.size()))
        < 0)
        return system_error(errno, operation);
    sockaddr_in6 address = {};
    address.sin6_family = AF_INET6;
    address.sin6_port = htons(kClientPort);
    if (::bind(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) < 0)
        return system_error(errno, operation);
    return Dhcp6Socket(std::move(fd), link);
}

Result<> Dhcp6Socket::send_to_servers(ByteView message) {
    sockaddr_in6 address = {};
    address.sin6_family = AF_INET6;
    address.sin6_port = htons(kServerPort);
    address.sin6_scope_id = static_cast<uint32_t>(link_index_);
    inet_pton(AF_INET6, "ff02::1:2", &address.sin6_addr);
    ssize_t sent = 0;
    do {
        sent = ::sendto(fd_.get(), message.data(), message.size(), 0, reinterpret_cast<sockaddr*>(&address),
                        sizeof address);
    } while (sent < 0 && errno == EINTR);
    if (sent < 0) return system_error(errno, "sending a DHCPv6 message on ", link_name_);
    return {};
}

Result<std::optional<Bytes>> Dhcp6Socket::receive() {
    Bytes message(kLargestMessage);
    ssize_t size = 0;
    do {
        size = ::recv(fd_.get(), message.data(), message.size(), 0);
    } while (size < 0 && errno == EINTR);
    // ECONNREFUSED and its like are what a router says of an earlier message.
    if (size < 0 && (errno == EAGAIN || is_transient_errno(errno) || errno == ENETDOWN))
        return std::optional<Bytes>();
    if (size < 0) return system_error(errno, "receiving DHCPv6 messages on ", link_name_);
    message.resize(static_cast<size_t>(size));
    return message;
}

} // namespace mangrove
