#include "system/linux/reserved_port.h"

#include <arpa/inet.h>
#include <cerrno>
#include <cstdint>
#include <netinet/in.h>
#include <sys/random.h>
#include <sys/socket.h>

namespace mangrove {

namespace {

constexpr unsigned kFirst = 600;
constexpr unsigned kCount = 1024 - kFirst;

/// A node that restarts would else repeat its ports, and a server that did not see it go would answer with
/// what it remembers of the old connection. Does not wait for the kernel's entropy.
unsigned random_start() {
    unsigned value = 0;
    static_cast<void>(!::getrandom(&value, sizeof value, GRND_INSECURE));
    return value % kCount;
}

bool is_bound_to(int socket, int family, uint16_t port) {
    if (family == AF_INET6) {
        sockaddr_in6 address = {};
        address.sin6_family = AF_INET6;
        address.sin6_port = htons(port);
        return ::bind(socket, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
    }
    sockaddr_in address = {};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    return ::bind(socket, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
}

int option(int socket, int name) {
    int value = 0;
    socklen_t size = sizeof value;
    return ::getsockopt(socket, SOL_SOCKET, name, &value, &size) == 0 ? value : -1;
}

} // namespace

void bind_reserved_port(int socket) {
    int family = option(socket, SO_DOMAIN);
    if (option(socket, SO_TYPE) != SOCK_STREAM || (family != AF_INET && family != AF_INET6)) return;
    unsigned start = random_start();
    for (unsigned i = 0; i < kCount; ++i) {
        if (is_bound_to(socket, family, static_cast<uint16_t>(kFirst + (start + i) % kCount))) {
            // After the bind: no port is taken that still waits for the end of an older connection.
            int on = 1;
            static_cast<void>(!::setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on));
            return;
        }
        if (errno != EADDRINUSE) return;
    }
}

} // namespace mangrove
