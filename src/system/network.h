#pragma once

#include <array>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/unique_fd.h"
#include "system/clock.h"

namespace mangrove {

/// An IPv4 or IPv6 address, without scope.
struct IpAddress {
    enum class Family { v4, v6 };
    Family family = Family::v4;
    std::array<uint8_t, 16> bytes = {}; ///< network order; IPv4 uses the first four

    /// "192.0.2.1" or "2001:db8::1" (also in brackets); nothing for anything else.
    static std::optional<IpAddress> parse(std::string_view written);
    std::string to_text() const;
    bool operator==(const IpAddress&) const = default;
};

/// The seam to the kernel's network: rtnetlink, packet sockets, TCP and the resolver.
class Network {
  public:
    virtual ~Network() = default;

    /// Connects, with TCP_NODELAY set; the socket is close-on-exec and in blocking mode. Refused, unreachable
    /// and timed out are transient errors that name the address and port.
    virtual Result<UniqueFd> connect_tcp(const IpAddress& address, uint16_t port, Deadline deadline) = 0;
    /// The addresses of a host name, or of a literal (which is never looked up), in the order to try them in.
    virtual Result<std::vector<IpAddress>> resolve(const std::string& name) = 0;
};

} // namespace mangrove
