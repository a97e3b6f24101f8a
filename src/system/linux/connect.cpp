#include "system/linux/network.h"

#include <algorithm>
#include <arpa/inet.h>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include "system/linux/wait.h"

namespace mangrove {

static socklen_t fill_socket_address(const IpAddress& address, uint16_t port, sockaddr_storage& storage) {
    if (address.family == IpAddress::Family::v4) {
        sockaddr_in v4 = {};
        v4.sin_family = AF_INET;
        v4.sin_port = htons(port);
        std::memcpy(&v4.sin_addr, address.bytes.data(), sizeof v4.sin_addr);
        std::memcpy(&storage, &v4, sizeof v4);
        return sizeof v4;
    }
    sockaddr_in6 v6 = {};
    v6.sin6_family = AF_INET6;
    v6.sin6_port = htons(port);
    std::memcpy(&v6.sin6_addr, address.bytes.data(), sizeof v6.sin6_addr);
    std::memcpy(&storage, &v6, sizeof v6);
    return sizeof v6;
}

/// Waits for the outcome of a connect(2) that is under way: its errno, or 0.
static Result<int> connect_outcome(int fd, Deadline deadline) {
    pollfd waited[] = {{fd, POLLOUT, 0}};
    if (!TRY(wait_for_any(waited, deadline))) return ETIMEDOUT;
    int outcome = 0;
    socklen_t size = sizeof outcome;
    if (::getsockopt(fd, SOL_SOCKET, SO_ERROR, &outcome, &size) < 0) return errno;
    return outcome;
}

/// A peer that vanished without a word is noticed within half a minute; TCP's own patience is a quarter of an
/// hour for what it has sent, and endless for what it waits for.
static void set_patience(int fd) {
    struct Option {
        int level;
        int name;
        int value;
    };
    constexpr Option kOptions[] = {
        {SOL_SOCKET, SO_KEEPALIVE, 1},          {IPPROTO_TCP, TCP_KEEPIDLE, 10},
        {IPPROTO_TCP, TCP_KEEPINTVL, 5},        {IPPROTO_TCP, TCP_KEEPCNT, 4},
        {IPPROTO_TCP, TCP_USER_TIMEOUT, 30000},
    };
    // A kernel that lacks one of them is no reason to fail.
    for (const Option& option : kOptions)
        static_cast<void>(::setsockopt(fd, option.level, option.name, &option.value, sizeof option.value));
}

Result<UniqueFd> LinuxNetwork::connect_tcp(const IpAddress& address, uint16_t port, Deadline deadline) {
    bool is_v4 = address.family == IpAddress::Family::v4;
    std::string operation = is_v4 ? text("connecting to ", address.to_text(), ":", port)
                                  : text("connecting to [", address.to_text(), "]:", port);
    UniqueFd fd(::socket(is_v4 ? AF_INET : AF_INET6, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (!fd.is_open()) return system_error(errno, operation);
    sockaddr_storage storage = {};
    socklen_t size = fill_socket_address(address, port, storage);
    if (::connect(fd.get(), reinterpret_cast<sockaddr*>(&storage), size) < 0) {
        int outcome = errno;
        if (outcome == EINPROGRESS || outcome == EINTR)
            outcome = TRY(connect_outcome(fd.get(), deadline), operation);
        if (outcome != 0) return system_error(outcome, operation);
    }
    int yes = 1;
    if (::setsockopt(fd.get(), IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes) < 0)
        return system_error(errno, operation, ": TCP_NODELAY");
    set_patience(fd.get());
    int flags = ::fcntl(fd.get(), F_GETFL);
    if (flags < 0 || ::fcntl(fd.get(), F_SETFL, flags & ~O_NONBLOCK) < 0)
        return system_error(errno, operation, ": back to blocking mode");
    return fd;
}

/// The error of a connection whose other end is gone.
static std::unexpected<Error> lost_connection(const char* how) {
    return std::unexpected(Error{.what = text("the server ", how, " the connection"),
                                 .permanence = Permanence::transient,
                                 .code = ECONNRESET});
}

static bool is_lost(int errno_code) {
    return errno_code == ECONNRESET || errno_code == EPIPE;
}

Result<Bytes> LinuxNetwork::receive(const UniqueFd& connection, size_t count, Deadline deadline) {
    Bytes bytes(count);
    size_t at = 0;
    while (at < count) {
        pollfd waited[] = {{connection.get(), POLLIN, 0}};
        if (!TRY(wait_for_any(waited, deadline), "waiting for the server"))
            return transient_error("timed out waiting for the server");
        ssize_t size = ::recv(connection.get(), &bytes[at], count - at, MSG_DONTWAIT);
        if (size < 0 && (errno == EAGAIN || errno == EINTR)) continue;
        if (size < 0 && is_lost(errno)) return lost_connection("reset");
        if (size < 0) return system_error(errno, "reading from the server");
        if (size == 0) return lost_connection("closed");
        at += static_cast<size_t>(size);
    }
    return bytes;
}

Result<> LinuxNetwork::send(const UniqueFd& connection, ByteView bytes, Deadline deadline) {
    while (!bytes.empty()) {
        pollfd waited[] = {{connection.get(), POLLOUT, 0}};
        if (!TRY(wait_for_any(waited, deadline), "waiting for the server"))
            return transient_error("timed out sending to the server");
        ssize_t size = ::send(connection.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
        if (size < 0 && (errno == EAGAIN || errno == EINTR)) continue;
        if (size < 0 && is_lost(errno)) return lost_connection("reset");
        if (size < 0) return system_error(errno, "writing to the server");
        bytes = bytes.subspan(static_cast<size_t>(size));
    }
    return {};
}

static std::optional<IpAddress> to_ip_address(const addrinfo& entry) {
    IpAddress address;
    if (entry.ai_family == AF_INET) {
        const auto* v4 = reinterpret_cast<const sockaddr_in*>(entry.ai_addr);
        std::memcpy(address.bytes.data(), &v4->sin_addr, sizeof v4->sin_addr);
        return address;
    }
    if (entry.ai_family != AF_INET6) return std::nullopt;
    address.family = IpAddress::Family::v6;
    const auto* v6 = reinterpret_cast<const sockaddr_in6*>(entry.ai_addr);
    std::memcpy(address.bytes.data(), &v6->sin6_addr, sizeof v6->sin6_addr);
    return address;
}

Result<std::vector<IpAddress>> LinuxNetwork::resolve(const std::string& name) {
    if (std::optional<IpAddress> literal = IpAddress::parse(name)) return std::vector{*literal};
    addrinfo hints = {};
    hints.ai_family = AF_UNSPEC;
    hints.ai_socktype = SOCK_STREAM;
    addrinfo* found = nullptr;
    int problem = ::getaddrinfo(name.c_str(), nullptr, &hints, &found);
    if (problem == EAI_SYSTEM) return system_error(errno, "looking up '", name, "'");
    // The resolver asks 127.0.0.1 then.
    if (problem == EAI_AGAIN && ::access("/etc/resolv.conf", F_OK) != 0)
        return permanent_error("looking up '", name,
                               "': no name server; send one by DHCP (option 6) or set nameserver=");
    if (problem == EAI_AGAIN) return transient_error("looking up '", name, "': ", ::gai_strerror(problem));
    if (problem != 0) return permanent_error("looking up '", name, "': ", ::gai_strerror(problem));
    std::vector<IpAddress> addresses;
    for (const addrinfo* entry = found; entry; entry = entry->ai_next) {
        std::optional<IpAddress> address = to_ip_address(*entry);
        if (address && std::ranges::find(addresses, *address) == addresses.end())
            addresses.push_back(*address);
    }
    ::freeaddrinfo(found);
    if (addresses.empty()) return permanent_error("looking up '", name, "': no address");
    return addresses;
}

} // namespace mangrove
