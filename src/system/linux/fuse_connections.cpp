#include "system/linux/fuse_connections.h"

#include <cerrno>
#include <fcntl.h>
#include <sys/uio.h>
#include <unistd.h>
#include <vector>

namespace mangrove {

Result<UniqueFd> LinuxFuseConnections::open() {
    UniqueFd connection(::open("/dev/fuse", O_RDWR | O_NONBLOCK | O_CLOEXEC));
    if (!connection.is_open()) return system_error(errno, "opening /dev/fuse");
    return connection;
}

Result<size_t> LinuxFuseConnections::receive(const UniqueFd& connection, std::span<uint8_t> request) {
    ssize_t size = ::read(connection.get(), request.data(), request.size());
    if (size >= 0) return static_cast<size_t>(size);
    // ENOENT: whoever asked has gone meanwhile.
    if (errno == EAGAIN || errno == EINTR || errno == ENOENT) return 0;
    return system_error(errno, "reading a request of FUSE");
}

Result<> LinuxFuseConnections::answer(const UniqueFd& connection, std::span<const ByteView> parts) {
    std::vector<iovec> vectors;
    for (ByteView part : parts)
        vectors.push_back({const_cast<uint8_t*>(part.data()), part.size()});
    if (::writev(connection.get(), vectors.data(), static_cast<int>(vectors.size())) < 0)
        return system_error(errno, "answering a request of FUSE");
    return {};
}

} // namespace mangrove
