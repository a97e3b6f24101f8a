#include "system/linux/udp_frame.h"

#include <gtest/gtest.h>

#include "base/byte_order.h"

namespace mangrove {

/// A packet from a server to the client's port: what `wrap_dhcp` makes, with the ports exchanged, which
/// leaves the checksum as it is.
static Bytes answer_packet(std::string_view content) {
    Bytes packet = wrap_dhcp(as_bytes(content));
    store_be16(&packet[20], 67);
    store_be16(&packet[22], 68);
    return packet;
}

static std::string unwrapped(const Bytes& packet, UdpChecksum checksum = UdpChecksum::verify) {
    std::optional<ByteView> content = unwrap_dhcp(packet, checksum);
    return content ? std::string(content->begin(), content->end()) : "nothing";
}

TEST(UdpFrame, wraps_as_rfc_2131_has_it) {
    Bytes packet = wrap_dhcp(as_bytes("odd"));
    EXPECT_EQ(hex(packet), "4500001f0000000040117acf00000000ffffffff"
                           "00440043000b"
                           "2bed6f6464");
}

TEST(UdpFrame, unwraps_what_was_wrapped) {
    EXPECT_EQ(unwrapped(answer_packet("odd")), "odd");
    EXPECT_EQ(unwrapped(answer_packet("even")), "even");
    EXPECT_EQ(unwrapped(answer_packet("")), "");
    Bytes padded = answer_packet("odd");
    padded.resize(60);
    EXPECT_EQ(unwrapped(padded), "odd");
}

TEST(UdpFrame, options_in_the_ip_header_are_skipped) {
    Bytes packet = answer_packet("odd");
    packet[0] = 0x46;
    packet.insert(packet.begin() + 20, {1, 1, 1, 1}); // no-operations
    store_be16(&packet[2], static_cast<uint16_t>(packet.size()));
    store_be16(&packet[10], static_cast<uint16_t>(load_be16(&packet[10]) - 0x0100 - 4 - 0x0202));
    EXPECT_EQ(unwrapped(packet), "odd");
}

TEST(UdpFrame, a_missing_checksum_is_none_and_a_wrong_one_is_damage) {
    Bytes packet = answer_packet("odd");
    store_be16(&packet[26], 0);
    EXPECT_EQ(unwrapped(packet), "odd");
    store_be16(&packet[26], 0x1234);
    EXPECT_EQ(unwrapped(packet), "nothing");
    EXPECT_EQ(unwrapped(packet, UdpChecksum::left_to_card), "odd");
}

TEST(UdpFrame, anything_else_is_nothing) {
    struct Case {
        std::string why;
        size_t offset;
        uint8_t value;
    };
    for (const Case& wrong : std::vector<Case>{
             {"IPv6", 0, 0x65},
             {"a header shorter than a header", 0, 0x44},
             {"a header longer than the packet", 0, 0x4f},
             {"a length of more than came", 3, 0xff},
             {"a length of less than the headers", 3, 27},
             {"a fragment", 6, 0x20},
             {"TCP", 9, 6},
             {"a damaged header", 8, 1},
             {"another port", 23, 69},
             {"a UDP length below its header", 25, 7},
             {"a UDP length of more than came", 25, 12},
         }) {
        Bytes packet = answer_packet("odd");
        packet[wrong.offset] = wrong.value;
        EXPECT_EQ(unwrapped(packet, UdpChecksum::left_to_card), "nothing") << wrong.why;
    }
    Bytes packet = answer_packet("odd");
    for (size_t size = 0; size < packet.size(); ++size)
        EXPECT_FALSE(unwrap_dhcp(ByteView(packet).first(size), UdpChecksum::left_to_card)) << size;
}

} // namespace mangrove
