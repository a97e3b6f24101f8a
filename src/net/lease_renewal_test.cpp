#include "net/lease_renewal.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/log.h"
#include "net/dhcp6_test_messages.h"
#include "net/link_plan.h"
#include "system/fake/network.h"
#include "system/fake/system.h"

namespace mangrove {
namespace {

using testing::Contains;
using testing::HasSubstr;

/// A machine with a lease of an hour, and a server that counts what it is asked.
struct LeaseRenewal : testing::Test {
    LeaseRenewal() {
        network.add_card("eth0", kTestMac);
        serve({{dhcp_option::kRouters, address_bytes("192.0.2.1")}});
        Result<NetworkConfiguration> up = bring_up_network(system, modules, KernelCommandLine::parse(""));
        if (up) configuration = *up;
        requests = 0;
        set_log_sink([this](LogLevel, std::string_view line) { log.emplace_back(line); });
    }
    ~LeaseRenewal() override { set_log_sink({}); }

    void serve(DhcpOptions extra) {
        network.serve_dhcp("eth0", [this, extra](ByteView question) {
            last_request = decode_dhcp(question).value();
            ++requests;
            return answer_as_server(question, extra);
        });
    }
    /// Ends the loop after so long: the address is gone then.
    void run_for(seconds duration) {
        system.after(duration, [this] {
            left_at_end = network.addresses(network.link("eth0")).value().front().lifetime;
            static_cast<void>(
                network.remove_address(network.link("eth0"), network.addresses_of("eth0").front()));
        });
        lease_renewals(configuration).front().run(system);
    }

    Transcript transcript;
    FakeSystem system{transcript};
    DeviceModules modules{system};
    FakeNetwork network{system};
    NetworkConfiguration configuration;
    unsigned requests = 0;
    DhcpMessage last_request;
    std::optional<seconds> left_at_end;
    std::vector<std::string> log;
};

TEST_F(LeaseRenewal, IsAskedForSoonAfterHalfOfEachLease) {
    run_for(std::chrono::hours(3));
    EXPECT_GE(requests, 5U);
    EXPECT_LE(requests, 7U);
    EXPECT_EQ(last_request.client_address.to_text(), "192.0.2.10");
    EXPECT_EQ(last_request.type(), DhcpType::request);
    EXPECT_FALSE(last_request.options.contains(dhcp_option::kRequestedAddress));
    EXPECT_FALSE(last_request.options.contains(dhcp_option::kServer));
    EXPECT_GT(*left_at_end, seconds(1700));
    EXPECT_EQ(network.open_dhcp_sockets(), 0U);
}

TEST_F(LeaseRenewal, IsLeftToHimWhoDoesIt) {
    for (int minutes = 25; minutes < 200; minutes += 25)
        system.after(std::chrono::minutes(minutes), [this] {
            static_cast<void>(
                network.add_address(network.link("eth0"), network.addresses_of("eth0").front()));
        });
    run_for(std::chrono::minutes(190));
    EXPECT_EQ(requests, 0U);
}

TEST_F(LeaseRenewal, IsLeftToHimWhoAsksSoonAfterTheBoot) {
    for (int minutes = 0; minutes < 180; minutes += 30)
        system.after(std::chrono::minutes(minutes) + seconds(4), [this] {
            static_cast<void>(
                network.add_address(network.link("eth0"), network.addresses_of("eth0").front()));
        });
    run_for(std::chrono::minutes(170));
    EXPECT_EQ(requests, 0U);
}

TEST_F(LeaseRenewal, KeepsTheAddressWhenNoServerAnswers) {
    network.serve_dhcp("eth0", [](ByteView) { return std::vector<Bytes>(); });
    run_for(std::chrono::hours(10));
    ASSERT_TRUE(left_at_end);
    EXPECT_GT(*left_at_end, seconds(0));
    EXPECT_THAT(log, Contains("renewing the lease of 192.0.2.10: no server answered; keeping the address"));
}

TEST_F(LeaseRenewal, AsksEveryMinuteWhenTheLeaseHasEnded) {
    network.serve_dhcp("eth0", [](ByteView) { return std::vector<Bytes>(); });
    system.after(std::chrono::minutes(90), [this] { serve({}); });
    run_for(std::chrono::minutes(92));
    EXPECT_EQ(requests, 1U);
    ASSERT_TRUE(left_at_end);
    EXPECT_GT(*left_at_end, seconds(3500));
}

TEST_F(LeaseRenewal, KeepsTheAddressThatAServerRefuses) {
    serve({{dhcp_option::kType, {6}}});
    run_for(std::chrono::hours(10));
    ASSERT_TRUE(left_at_end);
    EXPECT_THAT(log, Contains(HasSubstr("a server refused it")));
}

TEST_F(LeaseRenewal, EndsWhenTheServerGrantsItForEver) {
    serve({{dhcp_option::kLifetime, {255, 255, 255, 255}}});
    lease_renewals(configuration).front().run(system);
    EXPECT_EQ(network.addresses_of("eth0").front().lifetime, std::nullopt);
}

/// A boot that is retried for longer than the lease.
TEST_F(LeaseRenewal, IsDoneBeforeTheBootIsTriedAgain) {
    ASSERT_TRUE(renew_leases(system, configuration));
    EXPECT_EQ(requests, 0U) << "it is young";
    system.sleep(std::chrono::minutes(31));
    Time asked = system.now();
    serve({{dhcp_option::kLifetime, {0, 0, 0x1c, 0x20}}});
    ASSERT_TRUE(renew_leases(system, configuration));
    EXPECT_EQ(requests, 1U);
    EXPECT_EQ(last_request.type(), DhcpType::request);
    EXPECT_EQ(network.addresses_of("eth0").front().lifetime, seconds(7200));
    EXPECT_EQ(configuration.lease()->lifetime, seconds(7200)) << "for the keeper";
    EXPECT_EQ(configuration.first().configured_at, asked);
    EXPECT_EQ(network.open_dhcp_sockets(), 0U);
}

TEST_F(LeaseRenewal, BringsBackAnAddressWhoseLeaseHasEnded) {
    for (bool is_served : {true, false}) {
        if (!is_served) network.serve_dhcp("eth0", [](ByteView) { return std::vector<Bytes>(); });
        system.sleep(std::chrono::hours(2));
        ASSERT_TRUE(network.remove_address(network.link("eth0"), network.addresses_of("eth0").front()));
        ASSERT_TRUE(network.routes_of("eth0").empty());
        ASSERT_TRUE(renew_leases(system, configuration));
        ASSERT_EQ(network.addresses_of("eth0").size(), 1U);
        EXPECT_EQ(network.routes_of("eth0"), configuration.first().routes);
        EXPECT_FALSE(network.routes_of("eth0").empty());
    }
    EXPECT_THAT(log, Contains("renewing the lease of 192.0.2.10: no server answered; keeping the address"));
}

/// The same over DHCPv6, on a link that routers say so of.
struct Dhcp6Renewal : LeaseRenewal {
    Dhcp6Renewal() {
        network.pull_out("eth0");
        network.add_card("eth1", kTestMac);
        serve6();
        network.after(seconds(2), [this] { network.advertise("eth1", RouterAdvice::dhcp_for_addresses); });
        Result<NetworkConfiguration> up =
            bring_up_network(system, modules, KernelCommandLine::parse("ip=eth1:dhcp6"));
        if (up) configuration = *up;
        types.clear();
    }
    void serve6(const Dhcp6Options& extra = {}) {
        network.serve_dhcp6("eth1", [this, extra](ByteView question) {
            types.push_back(decode_question(question).type);
            return answer_as_dhcp6_server(question, extra);
        });
    }
    std::optional<seconds> run_for(seconds duration) {
        std::optional<seconds> left;
        InterfaceAddress ours = configuration.first().dhcp6->interface_address();
        system.after(duration, [&] {
            std::vector<InterfaceAddress> addresses = network.addresses(network.link("eth1")).value();
            for (const InterfaceAddress& each : addresses)
                if (each.address == ours.address) left = each.lifetime;
            static_cast<void>(network.remove_address(network.link("eth1"), ours));
        });
        lease_renewals(configuration).front().run(system);
        return left;
    }
    std::vector<Dhcp6Type> types;
};

TEST_F(Dhcp6Renewal, AsksItsServerSoonAfterHalfOfThePreferredTime) {
    ASSERT_TRUE(configuration.first().dhcp6);
    std::optional<seconds> left = run_for(std::chrono::hours(3));
    EXPECT_GE(types.size(), 10U);
    EXPECT_LE(types.size(), 13U);
    EXPECT_THAT(types, testing::Each(Dhcp6Type::renew));
    EXPECT_GT(left.value_or(seconds(0)), seconds(2600));
    EXPECT_EQ(network.open_dhcp_sockets(), 0U);
}

TEST_F(Dhcp6Renewal, IsDoneBeforeTheBootIsTriedAgain) {
    ASSERT_TRUE(configuration.first().dhcp6);
    system.sleep(std::chrono::minutes(16));
    ASSERT_TRUE(renew_leases(system, configuration));
    EXPECT_THAT(types, testing::ElementsAre(Dhcp6Type::renew));
    EXPECT_GT(configuration.first().dhcp6->lifetime, seconds(0));
    ASSERT_TRUE(renew_leases(system, configuration));
    EXPECT_EQ(types.size(), 1U) << "it is young again";
}

TEST_F(Dhcp6Renewal, AsksAnyServerLaterAndKeepsTheAddressAllTheSame) {
    ASSERT_TRUE(configuration.first().dhcp6);
    network.serve_dhcp6("eth1", [this](ByteView question) {
        types.push_back(decode_question(question).type);
        return std::vector<Bytes>();
    });
    EXPECT_GT(run_for(std::chrono::hours(10)).value_or(seconds(0)), seconds(0));
    EXPECT_THAT(types, Contains(Dhcp6Type::rebind));
    EXPECT_THAT(log, Contains("renewing the lease of 2001:db8::10: no server answered; keeping the address"));
}

TEST_F(Dhcp6Renewal, KeepsTheAddressThatAServerDoesNotKnow) {
    ASSERT_TRUE(configuration.first().dhcp6);
    serve6({{dhcp6_option::kStatus, {0, 3}}});
    EXPECT_GT(run_for(std::chrono::hours(10)).value_or(seconds(0)), seconds(0));
    EXPECT_THAT(log, Contains(HasSubstr("a server refused it")));
}

TEST_F(LeaseRenewal, IsNotForAnAddressWithoutEnd) {
    configuration.links.front().lease->lifetime.reset();
    EXPECT_TRUE(lease_renewals(configuration).empty());
}

} // namespace
} // namespace mangrove
