#include "net/dhcp6_client.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "net/dhcp6_test_messages.h"

namespace mangrove {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

using Answer = Dhcp6Client::Answer;

Bytes to_bytes(std::string_view characters) {
    return Bytes(characters.begin(), characters.end());
}

TEST(Dhcp6Message, SaysWhatIsWrongWithIt) {
    struct Case {
        Bytes bytes;
        std::string error;
    };
    for (const Case& wrong : std::vector<Case>{
             {{7, 0, 0}, "DHCPv6 message too short: 3 bytes, expected at least 4"},
             {{13, 0, 0, 1}, "unexpected DHCPv6 message type 13"},
         }) {
        Result<Dhcp6Message> message = decode_dhcp6(wrong.bytes);
        ASSERT_FALSE(message);
        EXPECT_EQ(message.error().what, wrong.error);
    }
}

TEST(Dhcp6Message, EndsAtAnOptionThatIsCutShort) {
    for (const Bytes& tail : {Bytes{0, 1, 0}, Bytes{0, 59, 0, 4, 'h', 't'}}) {
        Bytes bytes = {7, 0, 0, 1, 0, 7, 0, 1, 255};
        bytes.insert(bytes.end(), tail.begin(), tail.end());
        EXPECT_EQ(decode_dhcp6(bytes)->options, (Dhcp6Options{{dhcp6_option::kPreference, {255}}}));
    }
}

TEST(Dhcp6Lease, TakesTheFirstAddressThatIsValid) {
    Bytes association = association_with("2001:db8::9", 0, 0);
    Bytes second = association_with("2001:db8::10");
    association.insert(association.end(), second.begin() + 12, second.end());
    Dhcp6Message message;
    message.options = {{dhcp6_option::kServer, {1}},
                       {dhcp6_option::kStatus, {1}},
                       {dhcp6_option::kAssociation, association}};
    Result<Dhcp6Lease> lease = read_dhcp6_lease(message, 0x00123456);
    ASSERT_TRUE(lease) << describe(lease.error());
    EXPECT_EQ(lease->address->to_text(), "2001:db8::10");
}

/// A reply with what a lease needs and these options.
Dhcp6Message reply_with(Dhcp6Options options) {
    Dhcp6Message message;
    message.type = Dhcp6Type::reply;
    message.options = std::move(options);
    message.options.emplace_back(dhcp6_option::kServer, Bytes{0, 2, 7});
    message.options.emplace_back(dhcp6_option::kAssociation, association_with("2001:db8::10"));
    return message;
}

constexpr uint32_t kAssociation = 0x00123456;

TEST(Dhcp6Lease, HoldsWhatTheServerSays) {
    Bytes servers = address_bytes("2001:db8::53");
    Result<Dhcp6Lease> lease = read_dhcp6_lease(
        reply_with({{dhcp6_option::kNameServers, servers},
                    {dhcp6_option::kSearch, to_bytes(std::string_view("\2ex\0\1a\3org\0", 11))},
                    {dhcp6_option::kBootFileUrl, to_bytes("http://[2001:db8::1]/n.json")}}),
        kAssociation);
    ASSERT_TRUE(lease) << describe(lease.error());
    EXPECT_EQ(lease->interface_address().to_text(), "2001:db8::10/128");
    EXPECT_EQ(lease->lifetime, seconds(3600));
    EXPECT_EQ(lease->renewal_time, seconds(900));
    EXPECT_EQ(lease->rebinding_time, seconds(1440));
    ASSERT_EQ(lease->name_servers.size(), 1u);
    EXPECT_EQ(lease->name_servers[0].to_text(), "2001:db8::53");
    EXPECT_THAT(lease->search, ElementsAre("ex", "a.org"));
    EXPECT_EQ(lease->boot_file_url, "http://[2001:db8::1]/n.json");
    EXPECT_THAT(lease->ignored, ElementsAre());
}

TEST(Dhcp6Lease, LeavesOutWhatMakesNoSense) {
    Result<Dhcp6Lease> lease = read_dhcp6_lease(reply_with({{dhcp6_option::kNameServers, Bytes(15)},
                                                            {dhcp6_option::kSearch, to_bytes("\5abc")},
                                                            {dhcp6_option::kBootFileUrl, {}}}),
                                                kAssociation);
    ASSERT_TRUE(lease) << describe(lease.error());
    EXPECT_THAT(lease->ignored, ElementsAre("option 23 (name servers) has 15 bytes, not a multiple of 16",
                                            "option 24 (search list) is invalid: a label is truncated",
                                            "option 59 (boot-file URL) is empty"));
}

TEST(Dhcp6Lease, OfAnyLength) {
    std::string url = "http://[2001:db8::1]/" + std::string(65000, 'x');
    Result<Dhcp6Message> message =
        decode_dhcp6(encode_dhcp6(reply_with({{dhcp6_option::kBootFileUrl, to_bytes(url)}})));
    ASSERT_TRUE(message) << describe(message.error());
    EXPECT_EQ(read_dhcp6_lease(*message, kAssociation)->boot_file_url, url);
}

TEST(Dhcp6Lease, RefusesWhatCannotBeDoneWithout) {
    struct Case {
        Dhcp6Options options;
        std::string error;
    };
    const Bytes refusal = {0, 2, 'f', 'u', 'l', 'l'};
    Bytes refused = association_with("2001:db8::10");
    refused.resize(12);
    Bytes status = encode_dhcp6_options({{dhcp6_option::kStatus, refusal}});
    refused.insert(refused.end(), status.begin(), status.end());
    auto with = [](Bytes association) {
        return Dhcp6Options{{dhcp6_option::kServer, {1}},
                            {dhcp6_option::kAssociation, std::move(association)}};
    };
    for (const Case& wrong : std::vector<Case>{
             {{}, "option 2 (server) is missing or invalid"},
             {{{dhcp6_option::kServer, Bytes(131)}}, "option 2 (server) is missing or invalid"},
             {{{dhcp6_option::kServer, {1}}}, "the server granted no address"},
             {{{dhcp6_option::kServer, {1}}, {dhcp6_option::kStatus, refusal}},
              "the server refused: no address available: full"},
             {with(refused), "the server refused: no address available: full"},
             {with({0, 0x12}), "the server granted no address"},
             {with({0, 0, 0, 9, 0, 0, 0, 0, 0, 0, 0, 0}), "the server granted no address"},
             {with(association_with("fe80::1")), "the address fe80::1 is not a host address"},
             {with(association_with("ff02::1")), "the address ff02::1 is not a host address"},
             {with(association_with("2001:db8::1", 0, 0)),
              "the address 2001:db8::1 is valid for 0 s and preferred for 0 s"},
             {with(association_with("2001:db8::1", 20, 10)),
              "the address 2001:db8::1 is valid for 10 s and preferred for 20 s"},
         }) {
        Dhcp6Message message;
        message.options = wrong.options;
        Result<Dhcp6Lease> lease = read_dhcp6_lease(message, kAssociation);
        ASSERT_FALSE(lease) << wrong.error;
        EXPECT_EQ(lease.error().what, wrong.error);
    }
}

TEST(Dhcp6Lease, TimesComeInOrder) {
    struct Case {
        uint32_t renewal, rebinding;
        seconds read_renewal, read_rebinding;
    };
    for (const Case& each : std::vector<Case>{{0, 0, seconds(900), seconds(1440)},
                                              {600, 1200, seconds(600), seconds(1200)},
                                              {1200, 600, seconds(900), seconds(1440)},
                                              {0, 500, seconds(500), seconds(500)},
                                              {100, 9999, seconds(100), seconds(1440)}}) {
        Bytes association = association_with("2001:db8::10");
        store_be32(&association[4], each.renewal);
        store_be32(&association[8], each.rebinding);
        Dhcp6Message message;
        message.options = {{dhcp6_option::kServer, {1}}, {dhcp6_option::kAssociation, association}};
        Result<Dhcp6Lease> lease = read_dhcp6_lease(message, kAssociation);
        ASSERT_TRUE(lease);
        EXPECT_EQ(lease->renewal_time, each.read_renewal) << each.renewal << " " << each.rebinding;
        EXPECT_EQ(lease->rebinding_time, each.read_rebinding);
    }
    Dhcp6Message for_ever;
    for_ever.options = {{dhcp6_option::kServer, {1}},
                        {dhcp6_option::kAssociation, association_with("2001:db8::10", ~0u, ~0u)}};
    EXPECT_EQ(read_dhcp6_lease(for_ever, kAssociation)->lifetime, std::nullopt);
}

struct Dhcp6ClientTest : testing::Test {
    Dhcp6Message sent() {
        std::optional<Bytes> message = client.message_due(now);
        EXPECT_TRUE(message);
        last = message.value_or(Bytes{1, 0, 0, 0});
        return decode_question(last);
    }
    Answer answer(const Dhcp6Options& extra = {}) {
        return client.receive(now, answer_as_dhcp6_server(last, extra).front());
    }

    Time now = Time(std::chrono::hours(1));
    Dhcp6Client client{kTestMac, 7};
    Bytes last;
};

TEST_F(Dhcp6ClientTest, AsksInFourMessages) {
    client.solicit(now);
    Dhcp6Message solicit = sent();
    EXPECT_EQ(solicit.type, Dhcp6Type::solicit);
    EXPECT_EQ(*find_option(solicit.options, dhcp6_option::kClient), kTestDuid);
    EXPECT_EQ(*find_option(solicit.options, dhcp6_option::kElapsed), (Bytes{0, 0}));
    EXPECT_EQ(*find_option(solicit.options, dhcp6_option::kRequested), (Bytes{0, 23, 0, 24, 0, 59, 0, 82}));
    EXPECT_EQ(find_option(solicit.options, dhcp6_option::kAssociation)->size(), 12u);
    EXPECT_EQ(*find_option(solicit.options, dhcp6_option::kUserClass),
              to_bytes(std::string_view("\0\10mangrove", 10)));
    EXPECT_EQ(answer({{dhcp6_option::kPreference, {255}}}), Answer::offered);
    Dhcp6Message request = sent();
    EXPECT_EQ(request.type, Dhcp6Type::request);
    EXPECT_NE(request.transaction, solicit.transaction);
    EXPECT_EQ(*find_option(request.options, dhcp6_option::kServer), (Bytes{0, 2, 7}));
    EXPECT_EQ(answer(), Answer::granted);
    EXPECT_EQ(client.lease()->address->to_text(), "2001:db8::10");
    EXPECT_EQ(client.message_due(now), std::nullopt);
    EXPECT_EQ(client.next_send(), Time::max());
}

TEST_F(Dhcp6ClientTest, HearsAllServersForASecondAndTakesTheBest) {
    client.solicit(now);
    sent();
    EXPECT_EQ(
        answer({{dhcp6_option::kPreference, {3}}, {dhcp6_option::kBootFileUrl, to_bytes("http://three")}}),
        Answer::kept);
    EXPECT_EQ(
        answer({{dhcp6_option::kPreference, {9}}, {dhcp6_option::kBootFileUrl, to_bytes("http://nine")}}),
        Answer::kept);
    EXPECT_EQ(answer({{dhcp6_option::kPreference, {1}}}), Answer::kept);
    EXPECT_EQ(client.message_due(now + milliseconds(999)), std::nullopt);
    now = client.next_send();
    EXPECT_LE(now, Time(std::chrono::hours(1)) + milliseconds(1100));
    EXPECT_EQ(sent().type, Dhcp6Type::request);
    EXPECT_EQ(client.history().offers, 3u);
}

TEST_F(Dhcp6ClientTest, PrefersWhoTellsADefinition) {
    client = Dhcp6Client(kTestMac, 7, OfferChoice::with_definition);
    client.solicit(now);
    sent();
    EXPECT_EQ(answer({{dhcp6_option::kPreference, {255}}}), Answer::kept);
    Bytes other = answer_as_dhcp6_server(last, {{dhcp6_option::kBootFileUrl, to_bytes("http://a")}}).front();
    auto server = std::ranges::search(other, Bytes{0, 2, 7});
    server[2] = 8;
    EXPECT_EQ(client.receive(now, other), Answer::kept);
    now = client.next_send();
    EXPECT_EQ(*find_option(sent().options, dhcp6_option::kServer), (Bytes{0, 2, 8}));
}

TEST_F(Dhcp6ClientTest, AsksMoreAndMoreRarely) {
    client.solicit(now);
    milliseconds expected{1000};
    Time begun = now;
    for (int i = 0; i < 7; ++i) {
        Dhcp6Message message = sent();
        auto elapsed = std::chrono::duration_cast<milliseconds>(now - begun).count() / 10;
        EXPECT_EQ(load_be16(find_option(message.options, dhcp6_option::kElapsed)->data()), elapsed);
        auto delay = client.next_send() - now;
        EXPECT_GE(delay, expected * (i == 0 ? 10 : 8) / 10);
        EXPECT_LE(delay, expected * 13 / 10);
        expected = std::chrono::duration_cast<milliseconds>(2 * delay);
        now = client.next_send();
    }
    EXPECT_EQ(client.history().to_text(), "asked 7 times, no answer");
}

TEST_F(Dhcp6ClientTest, AServerThatFallsSilentIsLeft) {
    client.solicit(now);
    sent();
    answer({{dhcp6_option::kPreference, {255}}});
    for (int i = 0; i < 10; ++i) {
        EXPECT_EQ(sent().type, Dhcp6Type::request);
        now = client.next_send();
    }
    EXPECT_EQ(sent().type, Dhcp6Type::solicit);
}

TEST_F(Dhcp6ClientTest, IgnoresWhatIsNotForIt) {
    client.solicit(now);
    EXPECT_EQ(answer_as_dhcp6_server(Bytes{1, 0, 0, 0}).size(), 1u);
    EXPECT_EQ(client.receive(now, answer_as_dhcp6_server(Bytes{1, 0, 0, 0}).front()), Answer::ignored)
        << "nothing was asked";
    sent();
    Bytes other_transaction = last;
    other_transaction[3] ^= 1;
    EXPECT_EQ(client.receive(now, answer_as_dhcp6_server(other_transaction).front()), Answer::ignored);
    Bytes other_client = answer_as_dhcp6_server(last).front();
    other_client[17] ^= 1;
    EXPECT_EQ(client.receive(now, other_client), Answer::ignored);
    Bytes reply = answer_as_dhcp6_server(last).front();
    reply[0] = 7;
    EXPECT_EQ(client.receive(now, reply), Answer::ignored) << "without an advertisement";
    EXPECT_EQ(client.history().bad_messages, 0u);
    EXPECT_EQ(client.receive(now, Bytes{2, 0, 0}), Answer::ignored);
    EXPECT_EQ(client.history().bad_messages, 1u);
    EXPECT_EQ(answer({{dhcp6_option::kPreference, {255}}}), Answer::offered) << "and goes on";
}

TEST_F(Dhcp6ClientTest, ARefusalIsToldAndAskedAgainAfterAPause) {
    client.solicit(now);
    sent();
    answer({{dhcp6_option::kPreference, {255}}});
    sent();
    EXPECT_EQ(answer({{dhcp6_option::kStatus, {0, 4}}}), Answer::refused);
    EXPECT_EQ(client.message_due(now), std::nullopt);
    EXPECT_THAT(client.history().to_text(),
                HasSubstr("was refused once (the server refused: address not on this link)"));
    now = client.next_send();
    EXPECT_EQ(sent().type, Dhcp6Type::solicit);
}

TEST_F(Dhcp6ClientTest, InformationNeedsNoAddress) {
    client.ask_for_information(now);
    Dhcp6Message question = sent();
    EXPECT_EQ(question.type, Dhcp6Type::information_request);
    EXPECT_EQ(find_option(question.options, dhcp6_option::kAssociation), nullptr);
    EXPECT_EQ(*find_option(question.options, dhcp6_option::kRequested), (Bytes{0, 23, 0, 24, 0, 59, 0, 83}));
    EXPECT_EQ(answer({{dhcp6_option::kBootFileUrl, to_bytes("tftp://[2001:db8::1]/n")}}), Answer::granted);
    EXPECT_EQ(client.lease()->address, std::nullopt);
    EXPECT_EQ(client.lease()->boot_file_url, "tftp://[2001:db8::1]/n");
}

TEST_F(Dhcp6ClientTest, RenewsWithItsServerAndLaterWithAny) {
    Dhcp6Lease lease = *read_dhcp6_lease(reply_with({}), kAssociation);
    client.renew(now, lease, now - *lease.renewal_time);
    Dhcp6Message renew = sent();
    EXPECT_EQ(renew.type, Dhcp6Type::renew);
    EXPECT_EQ(*find_option(renew.options, dhcp6_option::kServer), lease.server);
    EXPECT_GE(client.next_send() - now, seconds(9));
    client.renew(now, lease, now - *lease.rebinding_time);
    Dhcp6Message rebind = sent();
    EXPECT_EQ(rebind.type, Dhcp6Type::rebind);
    EXPECT_EQ(find_option(rebind.options, dhcp6_option::kServer), nullptr);
    EXPECT_EQ(find_option(rebind.options, dhcp6_option::kAssociation)->size(), 12u + 4 + 24);
    EXPECT_EQ(answer(), Answer::granted);
    EXPECT_EQ(client.lease()->lifetime, seconds(3600));
}

} // namespace
} // namespace mangrove
