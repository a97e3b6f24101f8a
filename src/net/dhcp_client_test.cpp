#include "net/dhcp_client.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "net/dhcp_test_messages.h"

namespace mangrove {

using testing::HasSubstr;
using Answer = DhcpClient::Answer;

class DhcpClientTest : public testing::Test {
  protected:
    DhcpClientTest() { client_.start(now_); }

    /// Waits until a message is due, and returns it.
    DhcpMessage next_message() {
        now_ = std::max(now_, client_.next_send());
        std::optional<Bytes> bytes = client_.message_due(now_);
        EXPECT_TRUE(bytes);
        if (bytes) last_sent_ = *bytes;
        return *decode_dhcp(last_sent_);
    }
    /// An answer to the last message, after `change` was applied to it.
    template <typename Change>
    Answer answer(DhcpType type, Change change) {
        DhcpMessage message = plain_offer();
        message.transaction = decode_dhcp(last_sent_)->transaction;
        message.options[dhcp_option::kType] = {static_cast<uint8_t>(type)};
        change(message);
        return client_.receive(now_, encode_dhcp(message));
    }
    Answer answer(DhcpType type) {
        return answer(type, [](DhcpMessage&) {});
    }
    void reach_requesting() {
        next_message();
        ASSERT_EQ(answer(DhcpType::offer), Answer::offered);
        ASSERT_EQ(next_message().type(), DhcpType::request);
    }

    Time now_ = Time() + seconds(1000);
    DhcpClient client_{kTestMac, 42};
    Bytes last_sent_;
};

TEST_F(DhcpClientTest, asks_as_ipxe_does_and_for_what_a_boot_needs) {
    DhcpMessage message = next_message();
    EXPECT_EQ(message.operation, DhcpMessage::Operation::request);
    EXPECT_EQ(message.type(), DhcpType::discover);
    EXPECT_EQ(message.mac, kTestMac);
    EXPECT_EQ(message.flags, 0);
    EXPECT_EQ(message.elapsed_seconds, 0);
    EXPECT_EQ(hex(message.options[dhcp_option::kClient]), "01525400123456");
    EXPECT_EQ(hex(message.options[dhcp_option::kMaximumSize]), "05c0");
    EXPECT_EQ(hex(message.options[dhcp_option::kParameterList]), "0103060c0f111a1c2a33363a3b7779e0");
    EXPECT_FALSE(message.options.contains(dhcp_option::kRequestedAddress));
    EXPECT_FALSE(message.options.contains(dhcp_option::kServer));
}

TEST_F(DhcpClientTest, requests_what_was_offered) {
    uint32_t transaction = next_message().transaction;
    EXPECT_EQ(answer(DhcpType::offer), Answer::offered);
    EXPECT_EQ(client_.next_send(), now_) << "at once";
    DhcpMessage request = next_message();
    EXPECT_EQ(request.type(), DhcpType::request);
    EXPECT_EQ(request.transaction, transaction);
    EXPECT_EQ(hex(request.options[dhcp_option::kRequestedAddress]), "c000020a");
    EXPECT_EQ(hex(request.options[dhcp_option::kServer]), "c0000201");
    EXPECT_TRUE(request.client_address.is_unspecified());
    EXPECT_EQ(hex(request.options[dhcp_option::kParameterList]), "0103060c0f111a1c2a33363a3b7779e0");
    Time requested = now_;
    now_ += milliseconds(300);
    EXPECT_EQ(answer(DhcpType::acknowledge), Answer::granted);
    ASSERT_TRUE(client_.lease());
    EXPECT_EQ(client_.lease()->address.to_text(), "192.0.2.10");
    EXPECT_EQ(client_.requested_at(), requested);
    EXPECT_EQ(client_.next_send(), Time::max());
    EXPECT_FALSE(client_.message_due(now_ + std::chrono::hours(1)));
}

TEST_F(DhcpClientTest, asks_again_after_4_8_8_seconds_more_or_less) {
    uint32_t transaction = next_message().transaction;
    for (int delay : {4, 8, 8, 8, 8, 8, 8}) {
        milliseconds until = std::chrono::duration_cast<milliseconds>(client_.next_send() - now_);
        EXPECT_GE(until, seconds(delay - 1));
        EXPECT_LE(until, seconds(delay + 1));
        EXPECT_FALSE(client_.message_due(client_.next_send() - milliseconds(1)));
        EXPECT_EQ(next_message().transaction, transaction);
    }
    EXPECT_GT(decode_dhcp(last_sent_)->elapsed_seconds, 44);
    EXPECT_EQ(client_.history().to_text(), "asked 8 times, no answer");
}

TEST_F(DhcpClientTest, another_seed_is_another_transaction_and_jitter) {
    DhcpClient other(kTestMac, 43);
    other.start(now_);
    next_message();
    DhcpMessage others = *decode_dhcp(*other.message_due(now_));
    EXPECT_NE(others.transaction, decode_dhcp(last_sent_)->transaction);
    EXPECT_NE(other.next_send(), client_.next_send());
}

TEST_F(DhcpClientTest, what_is_not_for_it_is_ignored) {
    next_message();
    EXPECT_EQ(answer(DhcpType::offer, [](DhcpMessage& message) { ++message.transaction; }), Answer::ignored);
    EXPECT_EQ(answer(DhcpType::offer, [](DhcpMessage& message) { message.mac.bytes[5] = 0; }),
              Answer::ignored);
    auto as_request = [](DhcpMessage& message) { message.operation = DhcpMessage::Operation::request; };
    EXPECT_EQ(answer(DhcpType::offer, as_request), Answer::ignored);
    EXPECT_EQ(answer(DhcpType::acknowledge), Answer::ignored) << "nothing was requested";
    EXPECT_EQ(answer(DhcpType::refuse), Answer::ignored);
    EXPECT_EQ(client_.history().to_text(), "asked once, no answer");
}

TEST_F(DhcpClientTest, an_offer_before_it_asked_is_ignored) {
    DhcpMessage offer = plain_offer();
    EXPECT_EQ(client_.receive(now_, encode_dhcp(offer)), Answer::ignored);
}

TEST_F(DhcpClientTest, nonsense_is_counted_and_a_later_good_offer_taken) {
    next_message();
    EXPECT_EQ(client_.receive(now_, Bytes(300, 0xff)), Answer::ignored);
    auto without_type = [](DhcpMessage& message) { message.options.erase(dhcp_option::kType); };
    EXPECT_EQ(answer(DhcpType::offer, without_type), Answer::ignored);
    auto without_server = [](DhcpMessage& message) { message.options.erase(dhcp_option::kServer); };
    EXPECT_EQ(answer(DhcpType::offer, without_server), Answer::ignored);
    EXPECT_EQ(
        client_.history().to_text(),
        "asked once, received invalid answers 3 times (option 54 (server) is missing or not an address)");
    EXPECT_EQ(answer(DhcpType::offer), Answer::offered);
}

TEST_F(DhcpClientTest, only_the_chosen_server_can_grant_and_only_what_it_offered) {
    reach_requesting();
    auto by_another = [](DhcpMessage& message) {
        message.options[dhcp_option::kServer] = address_bytes("192.0.2.2");
    };
    EXPECT_EQ(answer(DhcpType::acknowledge, by_another), Answer::ignored);
    EXPECT_EQ(answer(DhcpType::refuse, by_another), Answer::ignored);
    EXPECT_EQ(answer(DhcpType::offer), Answer::ignored) << "it has one already";
    auto another_address = [](DhcpMessage& message) {
        message.your_address = *IpAddress::parse("192.0.2.99");
    };
    EXPECT_EQ(answer(DhcpType::acknowledge, another_address), Answer::ignored);
    EXPECT_THAT(client_.history().last_problem, HasSubstr("offered 192.0.2.10, but granted 192.0.2.99"));
    EXPECT_EQ(answer(DhcpType::acknowledge), Answer::granted);
}

TEST_F(DhcpClientTest, a_request_without_answer_leads_back_to_asking) {
    reach_requesting();
    uint32_t transaction = decode_dhcp(last_sent_)->transaction;
    EXPECT_EQ(next_message().type(), DhcpType::request);
    EXPECT_EQ(next_message().type(), DhcpType::request);
    DhcpMessage message = next_message();
    EXPECT_EQ(message.type(), DhcpType::discover);
    EXPECT_NE(message.transaction, transaction);
    EXPECT_EQ(client_.history().to_text(),
              "asked 2 times, was offered an address once, requested it 3 times");
}

TEST_F(DhcpClientTest, a_refusal_starts_again_and_ever_slower) {
    reach_requesting();
    EXPECT_EQ(answer(DhcpType::refuse), Answer::refused);
    EXPECT_EQ(client_.next_send(), now_);
    for (int refusals = 1; refusals < 15; ++refusals) {
        reach_requesting();
        EXPECT_EQ(answer(DhcpType::refuse), Answer::refused);
        EXPECT_EQ(client_.next_send() - now_, std::min(seconds(refusals), seconds(10)));
    }
    EXPECT_THAT(client_.history().to_text(),
                HasSubstr("was refused 15 times (192.0.2.1 refused 192.0.2.10)"));
    reach_requesting();
    EXPECT_EQ(answer(DhcpType::acknowledge), Answer::granted);
}

TEST_F(DhcpClientTest, goes_the_way_that_dnsmasq_went) {
    next_message();
    Bytes offer = captured_message("full_offer");
    std::copy_n(&last_sent_[4], 4, &offer[4]);
    EXPECT_EQ(client_.receive(now_, offer), Answer::offered);
    EXPECT_EQ(hex(next_message().options[dhcp_option::kRequestedAddress]), "c000024d");
    Bytes acknowledgement = captured_message("full_acknowledgement");
    std::copy_n(&last_sent_[4], 4, &acknowledgement[4]);
    EXPECT_EQ(client_.receive(now_, acknowledgement), Answer::granted);
    EXPECT_EQ(client_.lease()->host_name, "node7");
}

TEST_F(DhcpClientTest, confirms_an_address_that_is_there) {
    client_.confirm(now_, *IpAddress::parse("192.0.2.10"), 25);
    DhcpMessage request = next_message();
    EXPECT_EQ(request.type(), DhcpType::request);
    EXPECT_EQ(hex(request.options[dhcp_option::kRequestedAddress]), "c000020a");
    EXPECT_FALSE(request.options.contains(dhcp_option::kServer));
    EXPECT_TRUE(request.client_address.is_unspecified());
    EXPECT_EQ(answer(DhcpType::acknowledge), Answer::granted);
    EXPECT_TRUE(client_.owns_lease());
}

TEST_F(DhcpClientTest, asks_for_the_rest_where_nobody_confirms) {
    client_.confirm(now_, *IpAddress::parse("192.0.2.10"), 25);
    Time begun = now_;
    next_message();
    EXPECT_EQ(next_message().type(), DhcpType::request);
    DhcpMessage inform = next_message();
    EXPECT_EQ(inform.type(), DhcpType::inform);
    EXPECT_EQ(inform.client_address.to_text(), "192.0.2.10");
    EXPECT_FALSE(inform.options.contains(dhcp_option::kRequestedAddress));
    auto without_lease = [](DhcpMessage& message) {
        message.your_address = {};
        message.options.erase(dhcp_option::kLifetime);
    };
    EXPECT_EQ(answer(DhcpType::acknowledge, without_lease), Answer::granted);
    EXPECT_FALSE(client_.owns_lease());
    EXPECT_EQ(client_.lease()->address.to_text(), "192.0.2.10");
    EXPECT_EQ(client_.lease()->prefix_length, 25u);
    EXPECT_FALSE(client_.lease()->lifetime);
    EXPECT_TRUE(client_.lease()->ignored.empty());
    client_.confirm(now_ = begun, *IpAddress::parse("192.0.2.10"), 25);
    for (int messages = 0; messages < 4; ++messages)
        next_message();
    EXPECT_FALSE(client_.message_due(client_.next_send()));
    EXPECT_TRUE(client_.has_given_up());
    EXPECT_LE(now_ - begun, seconds(6));
}

TEST_F(DhcpClientTest, on_infiniband_is_known_by_the_guid_of_its_port) {
    Link link;
    link.type = Link::Type::infiniband;
    link.address = Bytes(kInfinibandAddressSize, 7);
    link.mac = mac_of_guid(link.guid());
    client_ = DhcpClient(link, 42);
    client_.start(now_);
    now_ = std::max(now_, client_.next_send());
    Bytes bytes = *client_.message_due(now_);
    EXPECT_EQ(hex(ByteView(bytes).first(4)), "01200000") << "type 32, an address without length";
    EXPECT_EQ(hex(ByteView(bytes).subspan(28, 16)), std::string(32, '0'));
    EXPECT_EQ(hex(ByteView(bytes).subspan(10, 2)), "8000") << "answer by broadcast";
    DhcpMessage asked = *decode_dhcp(bytes);
    EXPECT_EQ(hex(asked.options[dhcp_option::kClient]), "200707070707070707");
    DhcpMessage offer = plain_offer();
    offer.transaction = asked.transaction;
    offer.hardware_type = 32;
    offer.mac = {};
    EXPECT_EQ(client_.receive(now_, encode_dhcp(offer)), Answer::offered);
}

/// A client that wants a definition from option 230.
class ChoosyDhcpClientTest : public DhcpClientTest {
  protected:
    ChoosyDhcpClientTest() {
        client_ = DhcpClient(kTestMac, 42, {230, OfferChoice::with_definition});
        client_.start(now_);
    }
    static IpAddress address_of(std::string_view written) { return *IpAddress::parse(written); }
};

TEST_F(ChoosyDhcpClientTest, asks_for_the_option_that_it_wants) {
    EXPECT_EQ(hex(next_message().options[dhcp_option::kParameterList]), "0103060c0f111a1c2a33363a3b7779e6");
}

TEST_F(ChoosyDhcpClientTest, takes_an_offer_with_a_definition_at_once) {
    next_message();
    EXPECT_EQ(answer(DhcpType::offer,
                     [](DhcpMessage& message) {
                         message.options[230] = {'{', '}'};
                     }),
              Answer::offered);
    EXPECT_EQ(client_.next_send(), now_);
}

TEST_F(ChoosyDhcpClientTest, prefers_an_offer_with_a_root_path_to_earlier_ones) {
    next_message();
    EXPECT_EQ(answer(DhcpType::offer), Answer::kept);
    EXPECT_FALSE(client_.message_due(now_));
    now_ += seconds(1);
    EXPECT_EQ(answer(DhcpType::offer,
                     [](DhcpMessage& message) {
                         message.your_address = address_of("192.0.2.99");
                         message.options[dhcp_option::kRootPath] = {'/'};
                     }),
              Answer::offered);
    EXPECT_EQ(hex(next_message().options[dhcp_option::kRequestedAddress]), "c0000263");
}

TEST_F(ChoosyDhcpClientTest, takes_the_first_offer_when_there_is_no_better_one) {
    next_message();
    Time asked = now_;
    EXPECT_EQ(answer(DhcpType::offer), Answer::kept);
    EXPECT_EQ(answer(DhcpType::offer,
                     [](DhcpMessage& message) { message.your_address = address_of("192.0.2.99"); }),
              Answer::kept);
    DhcpMessage request = next_message();
    EXPECT_EQ(request.type(), DhcpType::request);
    EXPECT_EQ(hex(request.options[dhcp_option::kRequestedAddress]), "c000020a");
    EXPECT_LE(now_ - asked, seconds(5));
    EXPECT_EQ(answer(DhcpType::acknowledge), Answer::granted);
}

} // namespace mangrove
