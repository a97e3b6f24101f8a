#include "system/linux/dhcp_socket.h"

#include <algorithm>
#include <arpa/inet.h>
#include <cerrno>
#include <cstddef>
#include <cstring>
#include <linux/filter.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "system/linux/udp_frame.h"

namespace mangrove {

static constexpr size_t kLargestPacket = 65535;

static Result<> attach_filter(int fd, const std::string& operation) {
    // Offsets count from the IPv4 header: protocol UDP, no fragment, destination port 68.
    sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_B | BPF_ABS, 9),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 17, 0, 6),
        BPF_STMT(BPF_LD | BPF_H | BPF_ABS, 6),
        BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, 0x3fff, 4, 0),
        BPF_STMT(BPF_LDX | BPF_B | BPF_MSH, 0),
        BPF_STMT(BPF_LD | BPF_H | BPF_IND, 2),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 68, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, kLargestPacket),
        BPF_STMT(BPF_RET | BPF_K, 0),
    };
    sock_fprog program = {sizeof code / sizeof code[0], code};
    if (::setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program) < 0)
        return system_error(errno, operation, ": attaching the packet filter");
    return {};
}

/// The kernel takes longer hardware addresses than sockaddr_ll has room for (MAX_ADDR_LEN).
union PacketAddress {
    sockaddr_ll link;
    uint8_t bytes[offsetof(sockaddr_ll, sll_addr) + 32];
};

static PacketAddress packet_address(int link_index, const Bytes& broadcast) {
    PacketAddress address = {};
    size_t size = broadcast.empty() ? ETH_ALEN : std::min<size_t>(broadcast.size(), 32);
    address.link.sll_family = AF_PACKET;
    address.link.sll_protocol = htons(ETH_P_IP);
    address.link.sll_ifindex = link_index;
    address.link.sll_halen = static_cast<uint8_t>(size);
    uint8_t* hardware = &address.bytes[offsetof(sockaddr_ll, sll_addr)];
    std::memset(hardware, 0xff, size);
    if (!broadcast.empty()) std::memcpy(hardware, broadcast.data(), size);
    return address;
}

Result<DhcpSocket> DhcpSocket::open(const Link& link) {
    std::string operation = "opening a packet socket on " + link.name;
    // Protocol 0: no packet of another link comes in before the filter and the binding are there.
    UniqueFd fd(::socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (!fd.is_open()) return system_error(errno, operation);
    TRY(attach_filter(fd.get(), operation));
    int yes = 1;
    if (::setsockopt(fd.get(), SOL_PACKET, PACKET_AUXDATA, &yes, sizeof yes) < 0)
        return system_error(errno, operation, ": asking for checksum states");
    PacketAddress address = packet_address(link.index, {});
    if (::bind(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address.link) < 0)
        return system_error(errno, operation);
    return DhcpSocket(std::move(fd), link);
}

Result<> DhcpSocket::broadcast(ByteView message) {
    Bytes packet = wrap_dhcp(message);
    PacketAddress address = packet_address(link_index_, broadcast_);
    ssize_t sent = 0;
    do {
        sent = ::sendto(fd_.get(), packet.data(), packet.size(), 0, reinterpret_cast<sockaddr*>(&address),
                        sizeof address);
    } while (sent < 0 && errno == EINTR);
    if (sent < 0) return system_error(errno, "sending a DHCP message on ", link_name_);
    return {};
}

/// Returns the kernel's data about a packet (the only control message that was asked for); all zero if there
/// is none.
static tpacket_auxdata read_auxiliary_data(msghdr& message) {
    tpacket_auxdata data = {};
    cmsghdr* part = CMSG_FIRSTHDR(&message);
    if (part && part->cmsg_level == SOL_PACKET && part->cmsg_type == PACKET_AUXDATA
        && part->cmsg_len >= CMSG_LEN(sizeof data))
        std::memcpy(&data, CMSG_DATA(part), sizeof data);
    return data;
}

Result<std::optional<Bytes>> DhcpSocket::receive() {
    Bytes packet(kLargestPacket);
    alignas(cmsghdr) char control[CMSG_SPACE(sizeof(tpacket_auxdata))];
    iovec vector = {packet.data(), packet.size()};
    msghdr message = {};
    message.msg_iov = &vector;
    message.msg_iovlen = 1;
    message.msg_control = control;
    message.msg_controllen = sizeof control;
    ssize_t size = 0;
    do {
        size = ::recvmsg(fd_.get(), &message, 0);
    } while (size < 0 && errno == EINTR);
    // ENETDOWN comes once when the link goes down, which the link's own event tells.
    if (size < 0 && (errno == EAGAIN || errno == ENETDOWN)) return std::optional<Bytes>();
    if (size < 0) return system_error(errno, "receiving DHCP messages on ", link_name_);
    tpacket_auxdata data = read_auxiliary_data(message);
    bool is_tagged = (data.tp_status & TP_STATUS_VLAN_VALID) && (data.tp_vlan_tci & 0xfff) != 0;
    if (is_tagged) return std::optional<Bytes>(); // of a VLAN on the same card
    UdpChecksum checksum =
        data.tp_status & TP_STATUS_CSUMNOTREADY ? UdpChecksum::left_to_card : UdpChecksum::verify;
    std::optional<ByteView> content =
        unwrap_dhcp(ByteView(packet).first(static_cast<size_t>(size)), checksum);
    if (!content) return std::optional<Bytes>();
    return Bytes(content->begin(), content->end());
}

} // namespace mangrove
