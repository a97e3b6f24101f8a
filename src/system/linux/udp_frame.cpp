#include "system/linux/udp_frame.h"

#include <algorithm>

#include "base/byte_order.h"

namespace mangrove {

static constexpr size_t kIpHeaderSize = 20;
static constexpr size_t kUdpHeaderSize = 8;
static constexpr uint8_t kUdp = 17;
static constexpr uint8_t kTimeToLive = 64;
static constexpr uint16_t kServerPort = 67;
static constexpr uint16_t kClientPort = 68;
static constexpr uint16_t kFragmentMask = 0x3fff; // more fragments, or an offset

/// The sum of RFC 1071, not yet complemented.
static uint32_t add_to_checksum(uint32_t sum, ByteView bytes) {
    for (size_t i = 0; i + 1 < bytes.size(); i += 2)
        sum += load_be16(&bytes[i]);
    if (bytes.size() % 2 == 1) sum += static_cast<uint32_t>(bytes.back() << 8);
    while (sum > 0xffff)
        sum = (sum & 0xffff) + (sum >> 16);
    return sum;
}

/// Over the pseudo header (addresses, protocol, length) and the UDP packet.
static uint32_t udp_sum(ByteView ip_header, ByteView udp) {
    uint32_t sum = kUdp + static_cast<uint32_t>(udp.size());
    return add_to_checksum(add_to_checksum(sum, ip_header.subspan(12, 8)), udp);
}

Bytes wrap_dhcp(ByteView message) {
    Bytes packet(kIpHeaderSize + kUdpHeaderSize);
    packet.insert(packet.end(), message.begin(), message.end());
    packet[0] = 0x45;
    store_be16(&packet[2], static_cast<uint16_t>(packet.size()));
    packet[8] = kTimeToLive;
    packet[9] = kUdp;
    std::fill_n(&packet[16], 4, uint8_t{0xff});
    ByteView ip = ByteView(packet).first(kIpHeaderSize);
    store_be16(&packet[10], static_cast<uint16_t>(~add_to_checksum(0, ip)));
    uint8_t* udp = &packet[kIpHeaderSize];
    store_be16(udp, kClientPort);
    store_be16(udp + 2, kServerPort);
    store_be16(udp + 4, static_cast<uint16_t>(kUdpHeaderSize + message.size()));
    auto checksum = static_cast<uint16_t>(~udp_sum(ip, ByteView(packet).subspan(kIpHeaderSize)));
    store_be16(udp + 6, checksum == 0 ? uint16_t{0xffff} : checksum); // 0 would say that there is none
    return packet;
}

std::optional<ByteView> unwrap_dhcp(ByteView packet, UdpChecksum checksum) {
    if (packet.size() < kIpHeaderSize || packet[0] >> 4 != 4) return std::nullopt;
    size_t header_size = static_cast<size_t>(packet[0] & 0xf) * 4;
    size_t total_size = load_be16(&packet[2]);
    // The bytes behind the packet are padding of the Ethernet frame.
    if (header_size < kIpHeaderSize || total_size > packet.size()
        || total_size < header_size + kUdpHeaderSize)
        return std::nullopt;
    ByteView ip = packet.first(header_size);
    if (packet[9] != kUdp || (load_be16(&packet[6]) & kFragmentMask) != 0) return std::nullopt;
    if (add_to_checksum(0, ip) != 0xffff) return std::nullopt;
    ByteView udp = packet.subspan(header_size, total_size - header_size);
    size_t udp_size = load_be16(&udp[4]);
    if (load_be16(&udp[2]) != kClientPort || udp_size < kUdpHeaderSize || udp_size > udp.size())
        return std::nullopt;
    udp = udp.first(udp_size);
    bool has_checksum = load_be16(&udp[6]) != 0;
    if (checksum == UdpChecksum::verify && has_checksum && udp_sum(ip, udp) != 0xffff) return std::nullopt;
    return udp.subspan(kUdpHeaderSize);
}

} // namespace mangrove
