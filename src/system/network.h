#pragma once

#include <array>
#include <compare>
#include <optional>
#include <string>
#include <string_view>
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
    /// From four bytes in network order.
    static IpAddress v4(ByteView bytes);
    std::string to_text() const;
    /// The bytes that the family uses: 4 or 16.
    ByteView view() const { return {bytes.data(), family == Family::v4 ? size_t{4} : size_t{16}}; }
    bool is_unspecified() const { return bytes == std::array<uint8_t, 16>{}; }
    bool operator==(const IpAddress&) const = default;
};

/// Whether both addresses are of one family and their first `prefix_length` bits are the same.
bool is_in_same_network(const IpAddress& a, const IpAddress& b, unsigned prefix_length);
/// The address without the bits behind the prefix, which the kernel refuses in a route.
IpAddress network_of(IpAddress address, unsigned prefix_length);

/// The hardware address of an Ethernet card.
struct MacAddress {
    std::array<uint8_t, 6> bytes = {};

    /// "52:54:00:12:34:56", also with dashes; nothing for anything else.
    static std::optional<MacAddress> parse(std::string_view written);
    std::string to_text() const { return hex(bytes, ':'); }
    bool operator==(const MacAddress&) const = default;
};

/// Of an IPoIB interface: flags, number of a queue pair, and the port's GID, which ends in its GUID.
inline constexpr size_t kInfinibandAddressSize = 20;
/// A port's GUID (eight bytes) without its middle two: the address that vendors give the same port as an
/// Ethernet card.
MacAddress mac_of_guid(ByteView guid);

enum class LinkState { down, up };
/// `unsettled`: the card has a carrier, and the kernel has not yet drawn its consequences (operational state,
/// queues). It does so up to a second later when the carrier came while the link was down.
enum class Carrier { absent, unsettled, present };

/// The routers' advice on a link (RFC 4861, 4.2): none so far; no DHCPv6; DHCPv6 for other things than
/// addresses (O); or for addresses, too (M).
enum class RouterAdvice { unheard, no_dhcp, dhcp_for_other, dhcp_for_addresses };

/// A network interface. `index` stays when it is renamed.
struct Link {
    enum class Type { ethernet, infiniband, loopback, other };
    int index = 0;
    std::string name;
    Type type = Type::other;
    MacAddress mac;  ///< of an Ethernet link; of an InfiniBand port it is made of its GUID
    Bytes address;   ///< of the hardware, as the kernel has it
    Bytes broadcast; ///< of the hardware
    LinkState state = LinkState::down;
    Carrier carrier = Carrier::absent; ///< present: ready to pass packets; never while the link is down
    uint32_t mtu = 0;                  ///< bytes
    std::string kind;                  ///< "bridge", "vlan", "veth", …; empty for hardware
    int parent = 0;                    ///< index of the link that a VLAN is on
    RouterAdvice advice = RouterAdvice::unheard;

    /// Hardware, or what stands for it in a container or a network namespace.
    bool is_card() const {
        return (type == Type::ethernet && (kind.empty() || kind == "veth"))
               || (type == Type::infiniband && (kind.empty() || kind == "ipoib"));
    }
    /// Of an InfiniBand port; empty on Ethernet.
    Bytes guid() const;
    bool operator==(const Link&) const = default;
};

struct InterfaceAddress {
    enum class Scope { global, link, host };
    /// Whether somebody else on the link has the address, too (RFC 4862, 5.4). Until that is known it cannot
    /// be used.
    enum class Duplicate { no, not_known, yes };
    IpAddress address;
    unsigned prefix_length = 0;
    std::optional<IpAddress> peer = {};      ///< the other end of a point-to-point link
    std::optional<IpAddress> broadcast = {}; ///< IPv4
    std::optional<seconds> lifetime = {};    ///< from when it is added; none: for ever
    Scope scope = Scope::global;
    Duplicate duplicate = Duplicate::no;

    std::string to_text() const; ///< "192.0.2.10/24"
    bool operator==(const InterfaceAddress&) const = default;
};

/// The protocol of a route: RTPROT_STATIC, RTPROT_DHCP.
enum class RouteOrigin : uint8_t { administrator = 4, dhcp = 16 };
/// Whether the gateway has to be inside a network of the link, or is reached through the link all the same.
enum class GatewayCheck { inside_network, on_link };

struct Route {
    IpAddress destination; ///< unspecified with prefix length 0: the default route
    unsigned prefix_length = 0;
    std::optional<IpAddress> gateway; ///< none: directly on the link
    std::optional<IpAddress> source;
    uint32_t metric = 0; ///< 0: the kernel's default
    RouteOrigin origin = RouteOrigin::administrator;
    GatewayCheck gateway_check = GatewayCheck::inside_network;

    std::string to_text() const; ///< "default via 192.0.2.1"
    bool operator==(const Route&) const = default;
};

struct NetworkEvent {
    /// `link_changed`: a link, its addresses, or what routers advertise of these. `router_advertised`:
    /// options that the kernel leaves to others.
    enum class Kind { link_changed, router_advertised, dhcp_received, dhcp6_received };
    Kind kind = Kind::link_changed;
    int link_index = 0; ///< of a message
    Bytes message;      ///< the DHCP message, without IP and UDP header; the options of the advertisement
};

/// The seam to the kernel's network: rtnetlink, packet sockets, TCP and the resolver. Every error names the
/// operation and the link or address.
class Network {
  public:
    virtual ~Network() = default;

    virtual Result<std::vector<Link>> links() = 0;
    virtual Result<> set_link_state(const Link& link, LinkState state) = 0;
    virtual Result<> set_mtu(const Link& link, uint32_t bytes) = 0;
    /// The link must be down.
    virtual Result<> set_mac(const Link& link, const MacAddress& mac) = 0;

    /// The link must be down, and the name free.
    virtual Result<> rename_link(const Link& link, const std::string& name) = 0;

    /// A link for the frames on `parent` that are tagged with this number (IEEE 802.1Q). The module 8021q
    /// must be loaded.
    virtual Result<> add_vlan(const std::string& name, const Link& parent, uint16_t id) = 0;
    virtual Result<> remove_link(const std::string& name) = 0;

    virtual Result<std::vector<InterfaceAddress>> addresses(const Link& link) = 0;
    /// An address that is there already gets the new lifetime.
    virtual Result<> add_address(const Link& link, const InterfaceAddress& address) = 0;
    virtual Result<> remove_address(const Link& link, const InterfaceAddress& address) = 0;
    /// A route that is there already stays. One of IPv4 to the same place with the same metric goes before
    /// it. The kernel removes a link's routes when the link goes down or its last address goes.
    virtual Result<> add_route(const Link& link, const Route& route) = 0;

    /// From here on `wait` tells of packets to UDP port 68 on this link, which needs no address for it.
    virtual Result<> open_dhcp(const Link& link) = 0;
    virtual void close_dhcp(const Link& link) = 0;
    /// Broadcasts a message from port 68 to port 67, from the address 0.0.0.0.
    virtual Result<> send_dhcp(const Link& link, ByteView message) = 0;
    /// From here on `wait` tells of packets to UDP port 546 on this link, which has its link-local address.
    virtual Result<> open_dhcp6(const Link& link) = 0;
    virtual void close_dhcp6(const Link& link) = 0;
    /// Sends a message from port 546 to port 547 of all DHCPv6 servers and relays on the link (ff02::1:2).
    virtual Result<> send_dhcp6(const Link& link, ByteView message) = 0;
    /// The next event; nothing at the deadline. No change after the first call of `links` is missed.
    virtual Result<std::optional<NetworkEvent>> wait(Deadline deadline) = 0;

    /// Connects, with TCP_NODELAY set; the socket is close-on-exec and in blocking mode. Refused, unreachable
    /// and timed out are transient errors that name the address and port.
    virtual Result<UniqueFd> connect_tcp(const IpAddress& address, uint16_t port, Deadline deadline) = 0;
    /// Just so many bytes of a connection. A peer that closes or resets it (with the code ECONNRESET) or is
    /// silent until the deadline is a transient error.
    virtual Result<Bytes> receive(const UniqueFd& connection, size_t count, Deadline deadline) = 0;
    /// All of the bytes; a peer that does not take them until the deadline is a transient error.
    virtual Result<> send(const UniqueFd& connection, ByteView bytes, Deadline deadline) = 0;
    /// The addresses of a host name, or of a literal (which is never looked up), in the order to try them in.
    virtual Result<std::vector<IpAddress>> resolve(const std::string& name) = 0;
};

} // namespace mangrove
