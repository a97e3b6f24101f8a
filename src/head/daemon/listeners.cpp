#include "head/daemon/listeners.h"

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "head/host/files.h"

namespace mangrove::head {

namespace {

constexpr int kFirstPassed = 3; ///< SD_LISTEN_FDS_START
constexpr int kBacklog = 4096;

Result<sockaddr_un> unix_address(const std::string& path) {
    sockaddr_un address = {};
    address.sun_family = AF_UNIX;
    if (path.size() >= sizeof address.sun_path) return permanent_error(path, ": too long for a socket");
    std::memcpy(address.sun_path, path.c_str(), path.size());
    if (path.starts_with('@')) address.sun_path[0] = '\0';
    return address;
}

Result<UniqueFd> listen_on_port(uint16_t port) {
    UniqueFd fd(::socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (!fd.is_open()) return system_error(errno, "making a socket");
    int no = 0;
    int yes = 1;
    ::setsockopt(fd.get(), IPPROTO_IPV6, IPV6_V6ONLY, &no, sizeof no);
    ::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    sockaddr_in6 address = {};
    address.sin6_family = AF_INET6;
    address.sin6_port = htons(port);
    if (::bind(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0
        || ::listen(fd.get(), kBacklog) != 0)
        return system_error(
            errno, "listening on port ", port,
            errno == EADDRINUSE ? " (another server? set http, https or api in the configuration)" : "");
    return fd;
}

Result<UniqueFd> listen_on_path(const std::filesystem::path& path) {
    TRY(make_directories(path.parent_path()));
    sockaddr_un address = TRY(unix_address(path));
    UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (!fd.is_open()) return system_error(errno, "making a socket");
    ::unlink(path.c_str()); // of a run that was killed
    mode_t before = ::umask(0177);
    int bound = ::bind(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address);
    ::umask(before);
    if (bound != 0 || ::listen(fd.get(), kBacklog) != 0)
        return system_error(errno, "listening on ", path.native());
    return fd;
}

/// 0: it is a Unix socket.
uint16_t port_of(const UniqueFd& fd) {
    sockaddr_storage address = {};
    socklen_t size = sizeof address;
    ::getsockname(fd.get(), reinterpret_cast<sockaddr*>(&address), &size);
    if (address.ss_family == AF_INET6) return ntohs(reinterpret_cast<sockaddr_in6*>(&address)->sin6_port);
    return address.ss_family == AF_INET ? ntohs(reinterpret_cast<sockaddr_in*>(&address)->sin_port) : 0;
}

/// The listener of a port, 0 for a Unix socket; nullptr where the configuration has no such port.
UniqueFd* place_of(uint16_t port, Listeners& listeners, const Settings& settings) {
    if (port == 0) return &listeners.api;
    if (port == settings.http) return &listeners.http;
    if (port == settings.https) return &listeners.https;
    return port == settings.api ? &listeners.operators : nullptr;
}

/// Takes those that systemd passed (sd_listen_fds(3)) by their ports.
Result<> take_passed(Listeners& listeners, const Settings& settings) {
    const char* process = std::getenv("LISTEN_PID");
    const char* count = std::getenv("LISTEN_FDS");
    if (!process || !count || text(::getpid()) != process) return {};
    for (int fd = kFirstPassed; fd < kFirstPassed + std::atoi(count); ++fd) {
        UniqueFd passed(fd);
        ::fcntl(fd, F_SETFD, FD_CLOEXEC);
        ::fcntl(fd, F_SETFL, O_NONBLOCK);
        UniqueFd* place = place_of(port_of(passed), listeners, settings);
        if (!place)
            return permanent_error("the socket unit has port ", port_of(passed),
                                   ", which is neither http nor https nor api of the configuration");
        *place = std::move(passed);
    }
    return {};
}

} // namespace

Result<Listeners> open_listeners(const Settings& settings) {
    Listeners listeners;
    TRY(take_passed(listeners, settings));
    if (!listeners.http.is_open()) listeners.http = TRY(listen_on_port(settings.http));
    if (!listeners.https.is_open()) listeners.https = TRY(listen_on_port(settings.https));
    if (!listeners.api.is_open()) listeners.api = TRY(listen_on_path(settings.socket));
    if (!listeners.operators.is_open() && settings.api != 0)
        listeners.operators = TRY(listen_on_port(settings.api));
    return listeners;
}

void notify_systemd(const std::string& state) {
    const char* path = std::getenv("NOTIFY_SOCKET");
    if (!path) return;
    Result<sockaddr_un> address = unix_address(path);
    UniqueFd fd(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    if (!address || !fd.is_open()) return;
    auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + std::strlen(path));
    (void)!::sendto(fd.get(), state.data(), state.size(), MSG_NOSIGNAL,
                    reinterpret_cast<sockaddr*>(&*address), size);
}

} // namespace mangrove::head
