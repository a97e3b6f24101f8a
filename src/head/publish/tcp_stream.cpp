#include "head/publish/tcp_stream.h"

#include <cerrno>
#include <memory>
#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/time.h>

#include "base/host_port.h"

namespace mangrove::head {

namespace {

using Addresses = std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)>;

Result<Addresses> look_up(const std::string& host, uint16_t port) {
    addrinfo hints = {};
    hints.ai_socktype = SOCK_STREAM;
    addrinfo* found = nullptr;
    int problem = ::getaddrinfo(host.c_str(), text(port).c_str(), &hints, &found);
    if (problem != 0)
        return transient_error("looking up ", host, ": ",
                               problem == EAI_SYSTEM ? errno_text(errno) : ::gai_strerror(problem));
    return Addresses(found, &::freeaddrinfo);
}

void bind_reserved(int fd, int family) {
    // bindresvport of the C library knows IPv4 alone.
    constexpr uint16_t kFirst = 665;
    constexpr uint16_t kEnd = 1024;
    for (uint16_t port = kFirst; port < kEnd; ++port) {
        sockaddr_in6 six = {};
        six.sin6_family = AF_INET6;
        six.sin6_port = htons(port);
        sockaddr_in four = {};
        four.sin_family = AF_INET;
        four.sin_port = htons(port);
        int bound = family == AF_INET6 ? ::bind(fd, reinterpret_cast<sockaddr*>(&six), sizeof six)
                                       : ::bind(fd, reinterpret_cast<sockaddr*>(&four), sizeof four);
        if (bound == 0 || errno != EADDRINUSE) return;
    }
}

Result<UniqueFd> connect_to(const addrinfo& address, std::chrono::seconds timeout, TcpStream::OwnPort own) {
    UniqueFd fd(::socket(address.ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0));
    if (!fd.is_open()) return system_error(errno, "making a socket");
    // Linux takes the time limit of sending for connecting, too.
    timeval limit = {.tv_sec = timeout.count(), .tv_usec = 0};
    ::setsockopt(fd.get(), SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
    ::setsockopt(fd.get(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    if (own == TcpStream::OwnPort::reserved) bind_reserved(fd.get(), address.ai_family);
    if (::connect(fd.get(), address.ai_addr, address.ai_addrlen) != 0)
        return system_error(errno == EINPROGRESS ? ETIMEDOUT : errno, "connecting");
    return fd;
}

std::unexpected<Error> broken(const char* doing) {
    if (errno == EAGAIN) return transient_error("the server does not answer");
    return system_error(errno, doing);
}

} // namespace

Result<TcpStream> TcpStream::connect(const std::string& host, uint16_t port, std::chrono::seconds timeout,
                                     OwnPort own) {
    Addresses addresses = TRY(look_up(host, port));
    Result<UniqueFd> connected = permanent_error("no address");
    for (const addrinfo* address = addresses.get(); address && !connected; address = address->ai_next)
        connected = connect_to(*address, timeout, own);
    if (connected) return TcpStream(std::move(*connected));
    Error error = std::move(connected).error();
    error.what = error.code == ECONNREFUSED ? text("nothing listens at ", bracketed(host), ":", port)
                                            : text(bracketed(host), ":", port, ": ", error.what);
    return std::unexpected(std::move(error));
}

Result<Bytes> TcpStream::read(size_t count) {
    Bytes bytes(count);
    for (size_t done = 0; done < count;) {
        ssize_t more = ::recv(fd_.get(), bytes.data() + done, count - done, 0);
        if (more == 0)
            return std::unexpected(
                Error{"the server closed the connection", Permanence::transient, ECONNRESET});
        if (more < 0 && errno != EINTR) return broken("reading from the server");
        if (more > 0) done += static_cast<size_t>(more);
    }
    return bytes;
}

Result<> TcpStream::write(ByteView bytes) {
    while (!bytes.empty()) {
        ssize_t done = ::send(fd_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
        if (done < 0 && errno != EINTR) return broken("writing to the server");
        if (done > 0) bytes = bytes.subspan(static_cast<size_t>(done));
    }
    return {};
}

} // namespace mangrove::head
