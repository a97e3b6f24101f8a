#include <csignal>
#include <cstdio>
#include <filesystem>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <thread>

#include "net/bring_up.h"
#include "net/lease_renewal.h"
#include "system/fake/neighbour.h"
#include "system/fake/system.h"
#include "system/linux/network.h"

// The whole bring-up with the kernel's network against a real dnsmasq, each in a network namespace of its
// own.
namespace mangrove {

using testing::HasSubstr;

/// Files in memory, and the real clock that LinuxNetwork waits by.
class TimedSystem : public FakeSystem {
  public:
    using FakeSystem::FakeSystem;
    Time now() override { return Clock::now(); }
    void sleep(milliseconds duration) override { std::this_thread::sleep_for(duration); }
};

class DnsmasqTest : public testing::Test {
  protected:
    void SetUp() override {
        if (!enter_network_namespace()) GTEST_SKIP() << "a network namespace takes root";
        if (!run_command("command -v dnsmasq >/dev/null")) GTEST_SKIP() << "dnsmasq is not installed";
        system_.use(network_);
        char name[] = "/tmp/mangrove-dnsmasq-XXXXXX";
        ASSERT_TRUE(::mkdtemp(name));
        directory_ = name;
    }
    void TearDown() override {
        if (!directory_.empty()) std::filesystem::remove_all(directory_);
    }
    void write_file(const std::string& name, const std::string& contents) {
        std::FILE* file = std::fopen((directory_ + "/" + name).c_str(), "w");
        ASSERT_TRUE(file);
        std::fputs(contents.c_str(), file);
        std::fclose(file);
    }
    /// A server with 192.0.2.1 that gives addresses from 192.0.2.10 on. Its cable is plugged in once it
    /// listens.
    std::string server_script(const std::string& configuration) {
        write_file("dnsmasq.conf", "port=0\nbind-dynamic\ninterface=eth0\nno-ping\ndhcp-authoritative\n"
                                   "dhcp-range=192.0.2.10,192.0.2.99,255.255.255.0,2m\n"
                                       + configuration);
        return text(
            "ip link set lo up && ip address add 192.0.2.1/24 dev eth0 && dnsmasq --user=root --pid-file "
            "--conf-file=",
            directory_, "/dnsmasq.conf --dhcp-leasefile=", directory_, "/leases --log-facility=", directory_,
            "/log && ip link set eth0 up && exec sleep 600");
    }

    /// A server and router with 2001:db8::1; `range` follows "2001:db8::" in dnsmasq's dhcp-range=.
    std::string server6_script(const std::string& range) {
        return text(
            "echo 0 >/proc/sys/net/ipv6/conf/eth0/accept_dad && ip address add 2001:db8::1/64 dev eth0 && ",
            server_script(text("enable-ra\ndhcp-range=2001:db8::", range,
                               "\ndhcp-option=option6:dns-server,[2001:db8::53]\n"
                               "dhcp-option=option6:domain-search,cluster.example\n"
                               "dhcp-option=option6:59,\"http://[2001:db8::1]/{mac}.json\"\n")));
    }
    Result<NetworkConfiguration> bring_up(std::string_view arguments) {
        run_command("ip link set card address 52:54:00:12:34:56");
        return bring_up_network(system_, modules_, KernelCommandLine::parse(arguments));
    }

    Transcript transcript_;
    TimedSystem system_{transcript_};
    DeviceModules modules_{system_};
    LinuxNetwork network_;
    std::string directory_;
};

TEST_F(DnsmasqTest, the_kernel_gets_what_the_server_grants) {
    Neighbour server("card", server_script("dhcp-host=52:54:00:12:34:56,node7,192.0.2.77\n"
                                           "domain=cluster.example\n"
                                           "dhcp-option=option:router,192.0.2.254\n"
                                           "dhcp-option=option:dns-server,192.0.2.1\n"
                                           "dhcp-option=option:mtu,1400\n"
                                           "dhcp-option-force=224,\"{}\"\n"));
    ASSERT_TRUE(run_command("ip link set card address 52:54:00:12:34:56"));
    Result<NetworkConfiguration> network = bring_up_network(system_, modules_, KernelCommandLine());
    ASSERT_TRUE(network) << describe(network.error());
    ASSERT_TRUE(network->lease());
    EXPECT_EQ(network->lease()->address.to_text(), "192.0.2.77");
    EXPECT_EQ(network->lease()->options.at(224), (Bytes{'{', '}'}));
    EXPECT_EQ(network->host_name, "node7");
    EXPECT_EQ(system_.file("/etc/resolv.conf"), "nameserver 192.0.2.1\nsearch cluster.example\n");
    EXPECT_TRUE(
        run_command("ip address show dev card | grep -q 'inet 192.0.2.77/24 brd 192.0.2.255 scope global'"));
    EXPECT_TRUE(run_command(
        "ip address show dev card | grep -Eq 'valid_lft 1[012][0-9]sec preferred_lft 1[012][0-9]sec'"));
    EXPECT_TRUE(run_command("ip link show dev card | grep -q 'mtu 1400'"));
    EXPECT_TRUE(run_command("ip route show default | grep -q "
                            "'^default via 192.0.2.254 dev card proto dhcp src 192.0.2.77 metric 1024'"));
}

TEST_F(DnsmasqTest, the_address_that_ipxe_booted_with_is_kept) {
    // iPXE's client identifier is the hardware type and the MAC address.
    write_file("leases", "4102444800 52:54:00:12:34:56 192.0.2.55 * 01:52:54:00:12:34:56\n");
    Neighbour server("card", server_script(""));
    ASSERT_TRUE(run_command("ip link set card address 52:54:00:12:34:56"));
    Result<NetworkConfiguration> network = bring_up_network(system_, modules_, KernelCommandLine());
    ASSERT_TRUE(network) << describe(network.error());
    EXPECT_EQ(network->lease()->address.to_text(), "192.0.2.55");
}

TEST_F(DnsmasqTest, of_two_cards_the_one_with_a_server_wins) {
    Neighbour silent("card0", "ip link set eth0 up && exec sleep 600");
    Neighbour server("card1", server_script(""));
    Result<NetworkConfiguration> network = bring_up_network(system_, modules_, KernelCommandLine());
    ASSERT_TRUE(network) << describe(network.error());
    ASSERT_EQ(network->links.size(), 1u);
    EXPECT_EQ(network->first().link.name, "card1");
    EXPECT_TRUE(run_command("ip link show dev card0 | grep -q 'state DOWN'"));
    EXPECT_TRUE(run_command("ip link show dev lo | grep -q ',UP'"));
}

TEST_F(DnsmasqTest, what_is_configured_is_found_the_second_time) {
    Neighbour server("card", server_script(""));
    Result<NetworkConfiguration> first =
        bring_up_network(system_, modules_, KernelCommandLine::parse("ip=card:dhcp"));
    ASSERT_TRUE(first) << describe(first.error());
    Result<NetworkConfiguration> second =
        bring_up_network(system_, modules_, KernelCommandLine::parse("ip=card:dhcp"));
    ASSERT_TRUE(second) << describe(second.error());
    EXPECT_FALSE(second->first().is_found) << "the server confirms the address";
    EXPECT_EQ(second->first().addresses.front().address, first->first().addresses.front().address);
}

TEST_F(DnsmasqTest, a_fixed_address_reaches_the_neighbour) {
    Neighbour server("card",
                     "ip link set lo up && ip address add 192.0.2.1/24 dev eth0 && "
                     "ip address add 2001:db8::1/64 dev eth0 nodad && ip link set eth0 up && exec sleep 600");
    Result<NetworkConfiguration> network =
        bring_up_network(system_, modules_,
                         KernelCommandLine::parse("ip=192.0.2.10::192.0.2.1:255.255.255.0:node7:card:none"));
    ASSERT_TRUE(network) << describe(network.error());
    Result<UniqueFd> refused =
        network_.connect_tcp(*IpAddress::parse("192.0.2.1"), 9, Clock::now() + seconds(5));
    ASSERT_FALSE(refused);
    EXPECT_THAT(refused.error().what, HasSubstr("Connection refused")) << "by the neighbour, who is there";
    EXPECT_TRUE(
        run_command("ip route show default | grep -q '^default via 192.0.2.1 dev card proto static'"));
}

TEST_F(DnsmasqTest, a_fixed_ipv6_address_reaches_the_neighbour) {
    Neighbour server("card", "ip link set lo up && ip address add 2001:db8::1/64 dev eth0 nodad && "
                             "ip link set eth0 up && exec sleep 600");
    Result<NetworkConfiguration> network = bring_up_network(
        system_, modules_, KernelCommandLine::parse("ip=[2001:db8::10]::[2001:db8::1]:64::card:none"));
    ASSERT_TRUE(network) << describe(network.error());
    Result<UniqueFd> refused =
        network_.connect_tcp(*IpAddress::parse("2001:db8::1"), 9, Clock::now() + seconds(5));
    ASSERT_FALSE(refused);
    EXPECT_THAT(refused.error().what, HasSubstr("Connection refused"));
}

static const char* const kUrl = "http://[2001:db8::1]/{mac}.json";
static const char* const kMade = "2001:db8::5054:ff:fe12:3456";

TEST_F(DnsmasqTest, gives_an_address_by_dhcp6) {
    Neighbour server("card", server6_script("10,2001:db8::99,64,2m"));
    Result<NetworkConfiguration> network = bring_up("ip=either6");
    ASSERT_TRUE(network) << describe(network.error());
    const ConfiguredLink& link = network->first();
    ASSERT_TRUE(link.dhcp6 && link.dhcp6->address);
    EXPECT_TRUE(is_in_same_network(*link.dhcp6->address, *IpAddress::parse("2001:db8::"), 120));
    EXPECT_EQ(link.dhcp6->lifetime, seconds(120));
    EXPECT_EQ(link.dhcp6->boot_file_url, kUrl);
    EXPECT_EQ(system_.file("/etc/resolv.conf"), "nameserver 2001:db8::53\nsearch cluster.example\n");
    EXPECT_TRUE(run_command(text("ip -6 address show dev card | grep -q 'inet6 ",
                                 link.addresses.front().to_text(), " scope global'")));
    // An advertisement that was lost comes later.
    EXPECT_TRUE(run_command("for i in $(seq 400); do ip -6 route show default | grep -q 'dev card proto ra' "
                            "&& exit; sleep 0.1; done; exit 1"));
    Result<UniqueFd> refused =
        network_.connect_tcp(*IpAddress::parse("2001:db8::1"), 9, Clock::now() + seconds(5));
    ASSERT_FALSE(refused);
    EXPECT_THAT(refused.error().what, HasSubstr("Connection refused")) << "by the neighbour, who is there";
}

TEST_F(DnsmasqTest, tells_the_rest_where_the_kernel_makes_the_address) {
    Neighbour server("card", server6_script(",ra-stateless"));
    Result<NetworkConfiguration> network = bring_up("ip=dhcp6");
    ASSERT_TRUE(network) << describe(network.error());
    const ConfiguredLink& link = network->first();
    EXPECT_EQ(link.addresses.front().address, IpAddress::parse(kMade));
    ASSERT_TRUE(link.dhcp6);
    EXPECT_FALSE(link.dhcp6->address);
    EXPECT_EQ(link.dhcp6->boot_file_url, kUrl);
}

TEST_F(DnsmasqTest, as_a_router_alone_is_enough_for_an_address) {
    Neighbour server("card", server6_script(",ra-only"));
    Result<NetworkConfiguration> network = bring_up("ip=card:auto6");
    ASSERT_TRUE(network) << describe(network.error());
    EXPECT_EQ(network->first().addresses.front().address, IpAddress::parse(kMade));
    EXPECT_FALSE(network->first().dhcp6);
    EXPECT_EQ(system_.file("/etc/resolv.conf"), "nameserver 2001:db8::53\nsearch cluster.example\n");
    EXPECT_TRUE(run_command("ip -6 route show default | grep -q 'dev card proto ra'"));
}

/// A process that renews the leases until this is destroyed.
class Renewing {
  public:
    Renewing(System& system, const NetworkConfiguration& network) : process_(::fork()) {
        if (process_ != 0) return;
        ::prctl(PR_SET_PDEATHSIG, SIGKILL);
        for (const Resident& resident : lease_renewals(network))
            resident.run(system);
        ::_exit(0);
    }
    ~Renewing() {
        ::kill(process_, SIGKILL);
        ::waitpid(process_, nullptr, 0);
    }
    Renewing(const Renewing&) = delete;
    Renewing& operator=(const Renewing&) = delete;

  private:
    pid_t process_;
};

TEST_F(DnsmasqTest, grants_a_lease_of_dhcp6_anew) {
    Neighbour server("card", server6_script("10,2001:db8::99,64,2m"));
    Result<NetworkConfiguration> network = bring_up("ip=dhcp6");
    ASSERT_TRUE(network) << describe(network.error());
    ASSERT_TRUE(network->first().dhcp6);
    // A minute later.
    std::string address = network->first().addresses.front().to_text();
    ASSERT_TRUE(
        run_command(text("ip -6 address change ", address, " dev card valid_lft 50 preferred_lft 50")));
    network->links.front().configured_at -= seconds(70);
    Renewing renewing(system_, *network);
    EXPECT_TRUE(run_command(text("for i in $(seq 100); do ip -6 address show dev card to ", address,
                                 " | grep -Eq 'valid_lft 1[12][0-9]sec' && exit; sleep 0.1; done; exit 1")));
}

} // namespace mangrove
