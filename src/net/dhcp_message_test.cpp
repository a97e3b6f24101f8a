#include "net/dhcp_message.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "net/dhcp_test_messages.h"

namespace mangrove {

static constexpr size_t kServerNameOffset = 44;
static constexpr size_t kFileOffset = 108;
static constexpr size_t kOptionsOffset = 240;

/// The fixed part of a reply with these bytes as its options.
static Bytes message_with(Bytes options) {
    Bytes bytes = encode_dhcp(plain_offer());
    bytes.resize(kOptionsOffset);
    bytes.insert(bytes.end(), options.begin(), options.end());
    return bytes;
}

TEST(DhcpMessage, reads_what_dnsmasq_sends) {
    Result<DhcpMessage> message = decode_dhcp(captured_message("plain_offer"));
    ASSERT_TRUE(message) << describe(message.error());
    EXPECT_EQ(message->type(), DhcpType::offer);
    EXPECT_EQ(message->operation, DhcpMessage::Operation::reply);
    EXPECT_EQ(message->mac, kTestMac);
    EXPECT_EQ(message->your_address.to_text(), "192.0.2.18");
    EXPECT_EQ(message->next_server.to_text(), "192.0.2.1");
    EXPECT_EQ(message->address_option(dhcp_option::kServer)->to_text(), "192.0.2.1");
    EXPECT_EQ(decode_dhcp(captured_message("plain_acknowledgement"))->type(), DhcpType::acknowledge);
}

TEST(DhcpMessage, what_is_written_is_read_as_the_same) {
    DhcpMessage message = plain_offer();
    message.transaction = 0x01020304;
    message.elapsed_seconds = 7;
    message.flags = 0x8000;
    message.relay = *IpAddress::parse("192.0.2.250");
    message.boot_file = "undionly.kpxe";
    message.options[dhcp_option::kDefinition] = Bytes(1000, 'x');
    message.options[80] = {};
    Result<DhcpMessage> again = decode_dhcp(encode_dhcp(message));
    ASSERT_TRUE(again) << describe(again.error());
    EXPECT_EQ(again->transaction, message.transaction);
    EXPECT_EQ(again->elapsed_seconds, 7);
    EXPECT_EQ(again->flags, 0x8000);
    EXPECT_EQ(again->relay, message.relay);
    EXPECT_EQ(again->boot_file, "undionly.kpxe");
    EXPECT_EQ(again->options, message.options);
}

TEST(DhcpMessage, is_never_shorter_than_relays_expect) {
    EXPECT_EQ(encode_dhcp(DhcpMessage()).size(), 300u);
}

TEST(DhcpMessage, an_option_in_several_parts_is_put_together) {
    Result<DhcpMessage> message =
        decode_dhcp(message_with({224, 2, 'a', 'b', 53, 1, 2, 0, 224, 0, 224, 1, 'c', 255}));
    ASSERT_TRUE(message);
    EXPECT_EQ(message->options[224], (Bytes{'a', 'b', 'c'}));
    EXPECT_EQ(message->type(), DhcpType::offer);
}

TEST(DhcpMessage, options_go_on_in_file_and_then_in_the_server_name) {
    Bytes bytes = message_with({52, 1, 3, 224, 1, 'a', 255});
    const uint8_t in_file[] = {224, 1, 'b', 12, 1, 'n', 255, 1, 2};
    const uint8_t in_server_name[] = {0, 224, 1, 'c', 52, 1, 7};
    std::copy(std::begin(in_file), std::end(in_file), &bytes[kFileOffset]);
    std::copy(std::begin(in_server_name), std::end(in_server_name), &bytes[kServerNameOffset]);
    Result<DhcpMessage> message = decode_dhcp(bytes);
    ASSERT_TRUE(message) << describe(message.error());
    EXPECT_EQ(message->options[224], (Bytes{'a', 'b', 'c'}));
    EXPECT_EQ(message->options[12], Bytes{'n'});
    EXPECT_EQ(message->boot_file, "");
    EXPECT_EQ(message->options[52], Bytes{3}) << "once and for all";
    EXPECT_FALSE(message->options.contains(1)) << "behind the end";
    bytes[kOptionsOffset + 2] = 2;
    EXPECT_EQ(decode_dhcp(bytes)->options[224], (Bytes{'a', 'c'}));
}

TEST(DhcpMessage, dnsmasq_overloads_when_the_client_takes_little) {
    Result<DhcpMessage> message = decode_dhcp(captured_message("overload_offer"));
    ASSERT_TRUE(message) << describe(message.error());
    EXPECT_EQ(message->options[dhcp_option::kOverload], Bytes{3});
    EXPECT_EQ(message->options[dhcp_option::kDefinition], Bytes(180, 'b'));
}

TEST(DhcpMessage, says_what_is_wrong) {
    Bytes no_cookie = message_with({255});
    no_cookie[236] = 0;
    Bytes odd_operation = message_with({255});
    odd_operation[0] = 3;
    struct Case {
        Bytes bytes;
        std::string error;
    };
    for (const Case& wrong : std::vector<Case>{
             {{}, "DHCP message too short: 0 bytes, expected at least 240"},
             {Bytes(239), "DHCP message too short: 239 bytes, expected at least 240"},
             {no_cookie, "the magic cookie is missing"},
             {odd_operation, "the operation is 3, not 1 or 2"},
         }) {
        Result<DhcpMessage> message = decode_dhcp(wrong.bytes);
        ASSERT_FALSE(message) << wrong.error;
        EXPECT_EQ(message.error().what, wrong.error);
    }
}

TEST(DhcpMessage, an_option_that_makes_no_sense_is_ignored_with_a_sentence) {
    Bytes broken_file = message_with({12, 1, 'n', 52, 1, 1, 255});
    broken_file[kFileOffset + 126] = 12;
    broken_file[kFileOffset + 127] = 1;
    struct Case {
        Bytes bytes;
        std::vector<std::string> ignored;
    };
    for (const Case& odd : std::vector<Case>{
             {message_with({12, 1, 'n'}), {}}, // no end
             {message_with({12, 1, 'n', 53}),
              {"option 53 in the options field is truncated: 0 of 1 bytes are there"}},
             {message_with({12, 1, 'n', 17, 200, 'x', 255}),
              {"option 17 in the options field is truncated: 2 of 200 bytes are there"}},
             {message_with({12, 1, 'n', 52, 1, 4, 255}), {"option 52 (overload) is '04', not 01, 02 or 03"}},
             {message_with({12, 1, 'n', 52, 0, 255}), {"option 52 (overload) is '', not 01, 02 or 03"}},
             {broken_file, {"option 12 in the file field is truncated: 0 of 1 bytes are there"}},
         }) {
        Result<DhcpMessage> message = decode_dhcp(odd.bytes);
        ASSERT_TRUE(message) << describe(message.error());
        EXPECT_EQ(message->options[12], Bytes{'n'});
        EXPECT_EQ(message->ignored, odd.ignored);
        EXPECT_FALSE(message->options.contains(17));
    }
}

TEST(DhcpMessage, an_option_that_is_sent_twice_counts_once) {
    Result<DhcpMessage> message = decode_dhcp(captured_message("server_id_twice"));
    ASSERT_TRUE(message) << describe(message.error());
    EXPECT_EQ(message->address_option(dhcp_option::kServer)->to_text(), "192.168.3.253");
    struct Case {
        Bytes options;
        uint8_t code;
        Bytes value;
    };
    for (const Case& twice : std::vector<Case>{
             {{54, 4, 1, 1, 1, 1, 54, 4, 2, 2, 2, 2}, 54, {1, 1, 1, 1}},
             {{54, 2, 1, 1, 54, 4, 2, 2, 2, 2}, 54, {2, 2, 2, 2}},
             {{26, 2, 5, 220, 26, 2, 5, 120}, 26, {5, 220}},
             {{53, 1, 2, 53, 1, 5}, 53, {2}},
             {{15, 2, 'e', 'x', 15, 2, 'e', 'x'}, 15, {'e', 'x'}},
             {{17, 2, '/', 'a', 17, 1, 'b'}, 17, {'/', 'a', 'b'}},
         })
        EXPECT_EQ(decode_dhcp(message_with(twice.options))->options[twice.code], twice.value);
}

TEST(DhcpMessage, no_shorter_piece_of_a_real_message_has_more_in_it) {
    Bytes whole = captured_message("full_offer");
    size_t options = decode_dhcp(whole)->options.size();
    for (size_t size = 0; size < kOptionsOffset; ++size)
        EXPECT_FALSE(decode_dhcp(ByteView(whole).first(size))) << size;
    for (size_t size = kOptionsOffset; size < whole.size(); ++size)
        EXPECT_LE(decode_dhcp(ByteView(whole).first(size))->options.size(), options) << size;
}

} // namespace mangrove
