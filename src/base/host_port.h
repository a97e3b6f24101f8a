#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace mangrove {

struct HostPort {
    std::string host;
    std::optional<uint16_t> port;
};

/// Splits "host", "host:port", "[2001:db8::1]:port" or a bare IPv6 address (RFC 3986, section 3.2.2). The
/// host has no brackets. Nothing if the host is empty or the port is no number from 1 to 65535.
std::optional<HostPort> split_host_port(std::string_view written);

/// Returns the address of a peer as kernels and servers print it, with a port: "192.0.2.1:0", "[::1]:0".
std::string without_port(std::string_view written);

/// Returns an address as URLs and portals have it: an IPv6 address in brackets.
std::string bracketed(std::string_view address);

} // namespace mangrove
