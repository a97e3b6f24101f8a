#include "net/bring_up.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/log.h"
#include "machine/device_modules.h"
#include "net/dhcp6_test_messages.h"
#include "net/router_test_options.h"
#include "system/fake/network.h"

namespace mangrove {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

static constexpr MacAddress kOtherMac = {{0x52, 0x54, 0x00, 0xab, 0xcd, 0xef}};

/// A machine with a loopback interface.
struct Machine {
    Machine() {
        Link loopback;
        loopback.name = "lo";
        loopback.type = Link::Type::loopback;
        network.add_link(loopback);
    }

    Result<NetworkConfiguration> bring_up(std::string_view command_line = "") {
        begun = system.now();
        return bring_up_network(system, modules, KernelCommandLine::parse(command_line));
    }
    seconds elapsed() { return std::chrono::duration_cast<seconds>(system.now() - begun); }
    /// A server that offers 192.0.2.10 to everybody, with these options besides.
    void serve(const std::string& link, DhcpOptions extra = {}) {
        network.serve_dhcp(link, [extra](ByteView question) { return answer_as_server(question, extra); });
    }
    std::vector<std::string> addresses_of(const std::string& link) {
        std::vector<std::string> texts;
        for (const InterfaceAddress& address : network.addresses_of(link))
            texts.push_back(address.to_text());
        return texts;
    }
    void expect_untouched(const std::string& name) {
        EXPECT_EQ(network.link(name).state, LinkState::down);
        EXPECT_EQ(network.link(name).mtu, 1500u);
        EXPECT_THAT(addresses_of(name), IsEmpty());
        EXPECT_THAT(network.routes_of(name), IsEmpty());
        EXPECT_EQ(network.open_dhcp_sockets(), 0u);
    }

    Transcript transcript;
    FakeSystem system{transcript};
    DeviceModules modules{system};
    FakeNetwork network{system};
    Time begun;
};

static const DhcpOptions kGenerous = {
    {dhcp_option::kRouters, {192, 0, 2, 1}}, {dhcp_option::kNameServers, {192, 0, 2, 53}},
    {dhcp_option::kMtu, {0x23, 0x28}},       {dhcp_option::kHostName, {'n', '7'}},
    {dhcp_option::kDomain, {'e', 'x'}},
};

TEST(BringUp, by_dhcp_on_the_one_card) {
    Machine machine;
    machine.network.add_card("eth0", kTestMac);
    machine.serve("eth0", kGenerous);
    Result<NetworkConfiguration> network = machine.bring_up();
    ASSERT_TRUE(network) << describe(network.error());
    EXPECT_THAT(machine.transcript.lines(),
                ElementsAre("listing the network interfaces", //
                            "setting lo up",                  //
                            "listing the network interfaces", //
                            "setting eth0 up",                //
                            "waiting for the network",        //
                            "listing the network interfaces", //
                            "reading random bytes",           //
                            "opening a packet socket on eth0", "sending a DHCP message on eth0",
                            "waiting for the network",        //
                            "listing the network interfaces", //
                            "waiting for the network",        //
                            "listing the network interfaces", //
                            "waiting for the network",        //
                            "listing the network interfaces", //
                            "waiting for the network",        //
                            "sending a DHCP message on eth0", //
                            "waiting for the network",        //
                            "setting the MTU of eth0 to 9000", "adding the address 192.0.2.10/24 to eth0",
                            "adding the route default via 192.0.2.1 on eth0", "making the directory /etc",
                            "writing /etc/resolv.conf"));
    ASSERT_EQ(network->links.size(), 1u);
    const ConfiguredLink& link = network->first();
    EXPECT_EQ(link.link.name, "eth0");
    EXPECT_EQ(link.link.mac, kTestMac);
    EXPECT_EQ(link.link.mtu, 9000u);
    EXPECT_FALSE(link.is_found || link.hears_routers);
    EXPECT_EQ(link.addresses, machine.network.addresses_of("eth0"));
    EXPECT_EQ(link.addresses.front().lifetime, seconds(3600));
    EXPECT_EQ(link.routes, machine.network.routes_of("eth0"));
    EXPECT_GE(link.configured_at, machine.begun);
    ASSERT_TRUE(network->lease());
    EXPECT_EQ(network->lease()->server.to_text(), "192.0.2.1");
    EXPECT_EQ(network->host_name, "n7");
    EXPECT_EQ(machine.system.file("/etc/resolv.conf"), "nameserver 192.0.2.53\nsearch ex\n");
    EXPECT_EQ(machine.network.open_dhcp_sockets(), 0u);
    EXPECT_EQ(machine.elapsed(), seconds(0)) << "nothing but the server's own time";
}

TEST(BringUp, the_first_good_answer_wins_and_the_others_are_set_down) {
    Machine machine;
    machine.network.add_card("eth0", kTestMac);
    machine.network.add_card("eth1", kOtherMac);
    machine.network.add_card("eth2", MacAddress{{2, 0, 0, 0, 0, 1}});
    machine.network.pull_out("eth2");
    machine.serve("eth1");
    Result<NetworkConfiguration> network = machine.bring_up();
    ASSERT_TRUE(network) << describe(network.error());
    ASSERT_EQ(network->links.size(), 1u);
    EXPECT_EQ(network->first().link.name, "eth1");
    EXPECT_EQ(machine.elapsed(), seconds(0));
    machine.expect_untouched("eth0");
    machine.expect_untouched("eth2");
    EXPECT_FALSE(machine.system.file("/etc/resolv.conf")) << "there is no name server to write";
}

TEST(BringUp, a_card_that_cannot_be_set_up_is_passed_over) {
    Machine machine;
    machine.network.add_card("eth0", kTestMac);
    machine.network.add_card("eth1", kOtherMac);
    machine.network.refuse_up("eth0", ENOENT);
    machine.serve("eth1");
    Result<NetworkConfiguration> network = machine.bring_up();
    ASSERT_TRUE(network) << describe(network.error());
    EXPECT_EQ(network->first().link.name, "eth1");
    EXPECT_THAT(machine.transcript.lines(), testing::Contains("setting eth0 up").Times(1));
}

TEST(BringUp, a_card_that_cannot_be_set_up_is_the_error_when_there_is_no_other) {
    for (std::string_view line : {"", "ip=eth0:dhcp"}) {
        Machine machine;
        machine.network.add_card("eth0", kTestMac);
        machine.network.refuse_up("eth0", ENOENT);
        Result<NetworkConfiguration> network = machine.bring_up(line);
        ASSERT_FALSE(network);
        EXPECT_EQ(network.error().what, "setting eth0 up: No such file or directory");
        EXPECT_FALSE(network.error().is_transient());
        EXPECT_EQ(machine.elapsed(), seconds(line.empty() ? 30 : 0)) << "another one may still appear";
    }
}

TEST(BringUp, a_link_that_is_no_card_is_left_alone) {
    Machine machine;
    Link bridge;
    bridge.name = "br0";
    bridge.type = Link::Type::ethernet;
    bridge.kind = "bridge";
    bridge.mtu = 1500;
    machine.network.add_link(bridge);
    machine.network.add_card("eth0", kTestMac);
    machine.serve("br0");
    machine.serve("eth0");
    Result<NetworkConfiguration> network = machine.bring_up();
    ASSERT_TRUE(network) << describe(network.error());
    EXPECT_EQ(network->first().link.name, "eth0");
    machine.expect_untouched("br0");
    Machine asked;
    asked.network.add_link(bridge);
    asked.serve("br0");
    EXPECT_TRUE(asked.bring_up("ip=br0:dhcp")) << "unless the command line names it";
}

TEST(BringUp, waits_for_a_late_cable) {
    Machine machine;
    machine.network.add_card("eth0", kTestMac);
    machine.network.pull_out("eth0");
    machine.serve("eth0");
    machine.network.after(seconds(45), [&] { machine.network.plug_in("eth0"); });
    ASSERT_TRUE(machine.bring_up());
    EXPECT_EQ(machine.elapsed(), seconds(45));
}

TEST(BringUp, waits_for_a_late_card) {
    Machine machine;
    machine.network.after(seconds(20), [&] {
        machine.network.add_card("eth0", kTestMac);
        machine.serve("eth0");
    });
    ASSERT_TRUE(machine.bring_up());
    EXPECT_EQ(machine.elapsed(), seconds(20));
}

TEST(BringUp, a_card_on_usb_gets_its_driver_when_it_appears) {
    Machine machine;
    machine.system.add_file("/sys/bus/pci/devices/0000:00:01.0/modalias", "pci:hub\n");
    ASSERT_TRUE(machine.modules.load());
    machine.system.after(
        seconds(2), [&] { machine.system.add_file("/sys/bus/usb/devices/1-1:1.0/modalias", "usb:card\n"); });
    machine.system.when_loaded = [&](const std::string& module) {
        if (module != "usb:card") return;
        machine.network.add_card("usb0", kTestMac);
        machine.serve("usb0");
    };
    Result<NetworkConfiguration> network = machine.bring_up();
    ASSERT_TRUE(network) << describe(network.error());
    EXPECT_EQ(network->first().link.name, "usb0");
    EXPECT_LT(machine.elapsed(), seconds(4));
}

TEST(BringUp, a_late_server_is_asked_again) {
    Machine machine;
    machine.network.add_card("eth0", kTestMac);
    machine.network.after(seconds(10), [&] { machine.serve("eth0"); });
    ASSERT_TRUE(machine.bring_up());
    EXPECT_GE(machine.elapsed(), seconds(10));
    EXPECT_LE(machine.elapsed(), seconds(14))
        << "at the third message, 4 and 8 seconds after the first, or so";
}

TEST(BringUp, a_switch_with_spanning_tree_is_waited_for) {
    Machine machine;
    machine.network.add_card("eth0", kTestMac);
    machine.network.after(seconds(31), [&] { machine.serve("eth0"); });
    ASSERT_TRUE(machine.bring_up());
    EXPECT_LE(machine.elapsed(), seconds(41));
}

TEST(BringUp, a_cable_that_comes_back_starts_asking_anew) {
    Machine machine;
    machine.network.add_card("eth0", kTestMac);
    machine.network.after(seconds(1), [&] { machine.network.pull_out("eth0"); });
    machine.network.after(seconds(30), [&] {
        machine.network.plug_in("eth0");
        machine.serve("eth0");
    });
    ASSERT_TRUE(machine.bring_up());
    EXPECT_EQ(machine.elapsed(), seconds(30));
}

TEST(BringUp, does_not_wait_for_the_state_of_a_card_that_had_its_carrier_before) {
    Machine machine;
    machine.network.add_card("eth0", kTestMac);
    machine.network.plug_in_unsettled("eth0");
    machine.serve("eth0");
    ASSERT_TRUE(machine.bring_up());
    EXPECT_EQ(machine.elapsed(), seconds(0));
}

TEST(BringUp, without_cable_says_so_and_can_be_tried_again) {
    Machine machine;
    machine.network.add_card("eth0", kTestMac);
    machine.network.pull_out("eth0");
    Result<NetworkConfiguration> network = machine.bring_up();
    ASSERT_FALSE(network);
    EXPECT_EQ(describe(network.error()),
              "no network link is ready after 60 s: eth0 (52:54:00:12:34:56): no carrier\n"
              "  while bringing up the network");
    EXPECT_TRUE(network.error().is_transient());
    machine.expect_untouched("eth0");
    machine.network.plug_in("eth0");
    machine.serve("eth0");
    EXPECT_TRUE(machine.bring_up());
}

TEST(BringUp, without_answer_says_where_and_how_often_it_asked) {
    Machine machine;
    machine.network.add_card("eth0", kTestMac);
    machine.network.add_card("eth1", kOtherMac);
    machine.network.pull_out("eth1");
    Result<NetworkConfiguration> network = machine.bring_up();
    ASSERT_FALSE(network);
    EXPECT_THAT(network.error().what,
                testing::MatchesRegex("no DHCP lease after 6[01] s: eth0 .52:54:00:12:34:56.: asked "
                                      "[789] times, no answer; eth1 .52:54:00:ab:cd:ef.: no carrier"));
    EXPECT_TRUE(network.error().is_transient());
    machine.expect_untouched("eth0");
    machine.expect_untouched("eth1");
}

TEST(BringUp, a_server_that_talks_nonsense_is_an_error_in_time) {
    Machine machine;
    machine.network.add_card("eth0", kTestMac);
    machine.network.serve_dhcp("eth0", [](ByteView question) {
        DhcpMessage offer = plain_offer();
        offer.transaction = decode_dhcp(question)->transaction;
        offer.your_address = {};
        return std::vector<Bytes>{encode_dhcp(offer)};
    });
    Result<NetworkConfiguration> network = machine.bring_up();
    ASSERT_FALSE(network);
    EXPECT_THAT(network.error().what,
                HasSubstr("received invalid answers 8 times (the address 0.0.0.0 is not a host address)"));
    EXPECT_LE(machine.elapsed(), seconds(61));
    machine.expect_untouched("eth0");
}

TEST(BringUp, a_server_that_refuses_what_it_offered_is_an_error_in_time) {
    Machine machine;
    machine.network.add_card("eth0", kTestMac);
    machine.network.serve_dhcp("eth0", [](ByteView question) {
        bool asks = decode_dhcp(question)->type() == DhcpType::discover;
        return asks ? answer_as_server(question) : answer_as_server(question, {{dhcp_option::kType, {6}}});
    });
    Result<NetworkConfiguration> network = machine.bring_up();
    ASSERT_FALSE(network);
    EXPECT_THAT(network.error().what, HasSubstr("(192.0.2.1 refused 192.0.2.10)"));
    EXPECT_TRUE(network.error().is_transient());
    EXPECT_LE(machine.elapsed(), seconds(61));
    machine.expect_untouched("eth0");
}

TEST(BringUp, without_card_says_what_there_is) {
    struct Case {
        std::string command_line;
        std::string error;
    };
    for (const Case& missing : std::vector<Case>{
             {"", "no network card; found: lo"},
             {"ip=eth7:dhcp",
              "interface 'eth7' not found (ip=eth7:dhcp); found: lo, br0 (02:00:00:00:00:01)"},
             {"BOOTIF=01-52-54-00-00-00-99", "no network card with the address 52:54:00:00:00:99 (BOOTIF=); "
                                             "found: lo, br0 (02:00:00:00:00:01)"},
         }) {
        Machine machine;
        Link bridge;
        bridge.name = "br0";
        bridge.type = Link::Type::ethernet;
        bridge.kind = "bridge";
        bridge.mac = {{2, 0, 0, 0, 0, 1}};
        if (!missing.command_line.empty()) machine.network.add_link(bridge);
        Result<NetworkConfiguration> network = machine.bring_up(missing.command_line);
        ASSERT_FALSE(network);
        EXPECT_EQ(network.error().what, missing.error);
        EXPECT_FALSE(network.error().is_transient());
        EXPECT_EQ(machine.elapsed(), seconds(30));
    }
}

TEST(BringUp, bootif_chooses_the_card) {
    Machine machine;
    machine.network.add_card("eth0", kTestMac);
    machine.network.add_card("eth1", kOtherMac);
    machine.serve("eth0");
    machine.serve("eth1");
    Result<NetworkConfiguration> network = machine.bring_up("BOOTIF=01-52-54-00-ab-cd-ef");
    ASSERT_TRUE(network);
    EXPECT_EQ(network->first().link.name, "eth1");
    EXPECT_THAT(machine.transcript.lines(), testing::Not(Contains("setting eth0 up")));
}

TEST(BringUp, a_fixed_address_needs_no_server) {
    Machine machine;
    machine.network.add_card("eth0", kTestMac);
    Result<NetworkConfiguration> network = machine.bring_up(
        "ip=192.0.2.10::192.0.2.1:24:node7:eth0:none:9000:52:54:00:00:00:07 nameserver=192.0.2.53");
    ASSERT_TRUE(network) << describe(network.error());
    EXPECT_EQ(network->first().fixed, network->first().addresses);
    EXPECT_EQ(network->host_name, "node7");
    EXPECT_EQ(network->lease(), nullptr);
    EXPECT_EQ(network->first().link.mac.to_text(), "52:54:00:00:00:07");
    EXPECT_EQ(machine.network.link("eth0").mac.to_text(), "52:54:00:00:00:07");
    EXPECT_EQ(machine.network.link("eth0").mtu, 9000u);
    EXPECT_THAT(machine.addresses_of("eth0"), ElementsAre("192.0.2.10/24"));
    ASSERT_EQ(machine.network.routes_of("eth0").size(), 1u);
    EXPECT_EQ(machine.system.file("/etc/resolv.conf"), "nameserver 192.0.2.53\n");
}

TEST(BringUp, a_fixed_address_without_interface_takes_the_card_with_a_cable) {
    Machine machine;
    machine.network.add_card("eth0", kTestMac);
    machine.network.add_card("eth1", kOtherMac);
    machine.network.pull_out("eth0");
    Result<NetworkConfiguration> network = machine.bring_up("ip=192.0.2.10:192.0.2.1:192.0.2.1:24");
    ASSERT_TRUE(network);
    EXPECT_THAT(machine.addresses_of("eth1"), ElementsAre("192.0.2.10/24"));
    machine.expect_untouched("eth0");
}

TEST(BringUp, every_interface_that_is_named_is_configured) {
    Machine machine;
    machine.network.add_card("eth0", kTestMac);
    machine.network.add_card("eth1", kOtherMac);
    machine.serve("eth0", kGenerous);
    Result<NetworkConfiguration> network =
        machine.bring_up("ip=eth0:dhcp ip=198.51.100.10:::24::eth1:none:198.51.100.53");
    ASSERT_TRUE(network) << describe(network.error());
    ASSERT_EQ(network->links.size(), 2u);
    EXPECT_EQ(network->first().link.name, "eth1") << "it was ready first";
    ASSERT_TRUE(network->lease());
    EXPECT_EQ(machine.system.file("/etc/resolv.conf"),
              "nameserver 198.51.100.53\nnameserver 192.0.2.53\nsearch ex\n");
}

TEST(BringUp, one_of_two_named_interfaces_is_enough_in_the_end) {
    Machine machine;
    machine.network.add_card("eth0", kTestMac);
    machine.network.add_card("eth1", kOtherMac);
    machine.serve("eth1");
    std::vector<std::string> warnings;
    set_log_sink([&](LogLevel, std::string_view line) { warnings.emplace_back(line); });
    Result<NetworkConfiguration> network = machine.bring_up("ip=eth0:dhcp ip=eth1:dhcp");
    set_log_sink([](LogLevel, std::string_view) {});
    ASSERT_TRUE(network);
    ASSERT_EQ(network->links.size(), 1u);
    EXPECT_EQ(network->first().link.name, "eth1");
    ASSERT_EQ(warnings.size(), 1u);
    EXPECT_THAT(warnings[0], HasSubstr("ignoring: no DHCP lease after 6"));
    machine.expect_untouched("eth0");
}

TEST(BringUp, a_link_that_is_configured_already_is_left_alone_and_used) {
    Machine machine;
    machine.network.add_card("eth0", kTestMac);
    machine.network.add_card("eth1", kOtherMac);
    machine.serve("eth0");
    InterfaceAddress address;
    address.address = *IpAddress::parse("192.0.2.77");
    address.prefix_length = 24;
    InterfaceAddress link_local;
    link_local.address = *IpAddress::parse("fe80::1");
    link_local.prefix_length = 64;
    link_local.scope = InterfaceAddress::Scope::link;
    machine.network.add_address_before("eth1", link_local);
    machine.network.add_address_before("eth1", address);
    Result<NetworkConfiguration> network = machine.bring_up();
    ASSERT_TRUE(network);
    EXPECT_EQ(network->first().link.name, "eth1");
    EXPECT_TRUE(network->first().is_found);
    EXPECT_THAT(network->first().addresses, ElementsAre(address));
    EXPECT_LE(machine.elapsed(), seconds(6)) << "nobody answered";
    EXPECT_THAT(machine.transcript.lines(), testing::Not(Contains("setting eth0 up")));
    EXPECT_EQ(machine.network.open_dhcp_sockets(), 0u);
}

TEST(BringUp, a_link_that_was_up_without_address_stays_up) {
    Machine machine;
    machine.network.add_card("eth0", kTestMac);
    ASSERT_TRUE(machine.network.set_link_state(machine.network.link("eth0"), LinkState::up));
    ASSERT_FALSE(machine.bring_up());
    EXPECT_EQ(machine.network.link("eth0").state, LinkState::up);
    EXPECT_EQ(machine.network.open_dhcp_sockets(), 0u);
}

TEST(BringUp, an_interface_can_be_turned_off) {
    Machine machine;
    machine.network.add_card("eth0", kTestMac);
    machine.network.add_card("eth1", kOtherMac);
    machine.serve("eth0");
    machine.serve("eth1");
    Result<NetworkConfiguration> network = machine.bring_up("ip=eth0:off");
    ASSERT_TRUE(network);
    EXPECT_EQ(network->first().link.name, "eth1");
    machine.expect_untouched("eth0");
    Machine off;
    off.network.add_card("eth0", kTestMac);
    off.serve("eth0");
    EXPECT_TRUE(off.bring_up("ip=off")) << "the boot needs it";
}

/// The warnings of bringing up the network, which must come to an end with a lease.
static std::vector<std::string> warnings_of(Machine& machine, std::string_view line) {
    std::vector<std::string> warnings;
    set_log_sink([&](LogLevel, std::string_view told) { warnings.emplace_back(told); });
    Result<NetworkConfiguration> network = machine.bring_up(line);
    set_log_sink([](LogLevel, std::string_view) {});
    EXPECT_TRUE(network) << line << ": " << describe(network.error());
    return warnings;
}

TEST(BringUp, an_argument_that_makes_no_sense_is_a_warning) {
    for (std::string_view line :
         {"ip=eth0:dchp", "BOOTIF=", "nameserver=x", "rd.route=x", "bond=x:", "vlan=x"}) {
        Machine machine;
        machine.network.add_card("eth0", kTestMac);
        machine.serve("eth0");
        EXPECT_THAT(warnings_of(machine, line),
                    ElementsAre(testing::StartsWith(text("kernel command line: ", line))));
        EXPECT_EQ(machine.elapsed(), seconds(0));
    }
}

TEST(BringUp, a_card_that_is_not_there_is_a_warning_and_all_cards_are_asked) {
    for (std::string_view line : {"BOOTIF=20-24-8a-07-03-00-a3-ee-2c", "BOOTIF=01-52-54-00-00-00-99",
                                  "bootdev=enp1s0", "ip=enp1s0:dhcp"}) {
        Machine machine;
        machine.network.add_card("eth0", kTestMac);
        machine.serve("eth0");
        std::vector<std::string> warnings = warnings_of(machine, line);
        ASSERT_EQ(warnings.size(), 1u) << line;
        EXPECT_THAT(warnings[0], HasSubstr(line.starts_with("ip=") ? "any card" : "using all cards"));
        EXPECT_EQ(machine.elapsed(), seconds(10));
        EXPECT_THAT(machine.addresses_of("eth0"), ElementsAre("192.0.2.10/24"));
    }
}

TEST(BringUp, ifname_renames_a_card_and_gets_others_out_of_the_way) {
    Machine machine;
    machine.network.add_card("eth0", kTestMac);
    machine.network.add_card("eth1", kOtherMac);
    machine.network.after(milliseconds(1), [&] { machine.serve("eth0"); });
    Result<NetworkConfiguration> network = machine.bring_up("ifname=eth0:52:54:00:ab:cd:ef ip=eth0:dhcp");
    ASSERT_TRUE(network) << describe(network.error());
    EXPECT_EQ(network->first().link.mac, kOtherMac);
    EXPECT_EQ(machine.network.link("eth0").mac, kOtherMac);
    EXPECT_THAT(machine.transcript.lines(), Contains("renaming eth0 to other2"));
}

TEST(BringUp, ifname_of_a_card_that_is_up_means_it_all_the_same) {
    Machine machine;
    machine.network.add_card("eth0", kTestMac);
    machine.serve("eth0");
    ASSERT_TRUE(machine.network.set_link_state(machine.network.link("eth0"), LinkState::up));
    EXPECT_THAT(warnings_of(machine, "ifname=lan0:52:54:00:12:34:56 ip=lan0:dhcp"), IsEmpty());
    EXPECT_EQ(machine.network.link("eth0").name, "eth0");
}

TEST(BringUp, adds_the_routes_that_are_wanted) {
    Machine machine;
    machine.network.add_card("eth0", kTestMac);
    machine.serve("eth0");
    EXPECT_THAT(
        warnings_of(machine, "rd.route=198.51.100.0/24:192.0.2.1 rd.route=203.0.113.0/24:192.0.2.2:eth7"),
        ElementsAre(HasSubstr("interface 'eth7' not configured")));
    ASSERT_EQ(machine.network.routes_of("eth0").size(), 1u);
    EXPECT_EQ(machine.network.routes_of("eth0")[0].to_text(), "198.51.100.0/24 via 192.0.2.1");
}

TEST(BringUp, leaves_the_name_servers_of_dhcp_out_when_told) {
    Machine machine;
    machine.network.add_card("eth0", kTestMac);
    machine.serve("eth0", kGenerous);
    Result<NetworkConfiguration> network = machine.bring_up("rd.peerdns=0 nameserver=192.0.2.99");
    ASSERT_TRUE(network);
    EXPECT_EQ(machine.system.file("/etc/resolv.conf"), "nameserver 192.0.2.99\n");
    EXPECT_EQ(network->host_name, "n7");
}

TEST(BringUp, on_infiniband) {
    Machine machine;
    Bytes address(kInfinibandAddressSize, 0);
    const uint8_t guid[] = {0x24, 0x8a, 0x07, 0x03, 0x00, 0xa3, 0xee, 0x2c};
    std::ranges::copy(guid, address.end() - 8);
    machine.network.add_card("eth0", kTestMac);
    machine.network.add_infiniband("ib0", address);
    DhcpMessage asked;
    machine.network.serve_dhcp("ib0", [&](ByteView question) {
        asked = *decode_dhcp(question);
        return answer_as_server(question);
    });
    Result<NetworkConfiguration> network = machine.bring_up("BOOTIF=20-24-8a-07-03-00-a3-ee-2c");
    ASSERT_TRUE(network) << describe(network.error());
    EXPECT_EQ(network->first().link.name, "ib0");
    EXPECT_EQ(network->first().link.mac.to_text(), "24:8a:07:a3:ee:2c");
    EXPECT_EQ(asked.hardware_type, 32);
    EXPECT_EQ(asked.mac, MacAddress());
    EXPECT_EQ(asked.flags, 0x8000);
    EXPECT_EQ(hex(asked.options[dhcp_option::kClient]), "20248a070300a3ee2c");
    EXPECT_EQ(machine.elapsed(), seconds(0));
}

/// A card that the kernel or a program before has given 192.0.2.10.
struct FoundMachine : Machine {
    FoundMachine() {
        network.add_card("eth0", kTestMac);
        network.add_card("eth1", kOtherMac);
        network.add_address_before("eth0", {.address = *IpAddress::parse("192.0.2.10"), .prefix_length = 24});
    }
    /// Answers only to this type.
    void serve_type(DhcpType type) {
        network.serve_dhcp("eth0", [this, type](ByteView question) {
            asked.push_back(*decode_dhcp(question)->type());
            if (asked.back() == type) return answer_as_server(question, kGenerous);
            if (type == DhcpType::inform && asked.back() == DhcpType::request)
                return answer_as_server(question, {{dhcp_option::kType, {6}}});
            return std::vector<Bytes>();
        });
    }
    std::vector<DhcpType> asked;
};

TEST(BringUp, an_address_that_is_there_gets_a_lease_from_its_server) {
    FoundMachine machine;
    machine.serve_type(DhcpType::request);
    Result<NetworkConfiguration> network = machine.bring_up("ip=dhcp");
    ASSERT_TRUE(network) << describe(network.error());
    EXPECT_THAT(machine.asked, ElementsAre(DhcpType::request));
    EXPECT_FALSE(network->first().is_found) << "it is renewed and handed over";
    ASSERT_TRUE(network->lease());
    EXPECT_EQ(network->lease()->lifetime, seconds(3600));
    EXPECT_EQ(machine.network.addresses_of("eth0").front().lifetime, seconds(3600));
    EXPECT_EQ(machine.system.file("/etc/resolv.conf"), "nameserver 192.0.2.53\nsearch ex\n");
    machine.expect_untouched("eth1");
}

TEST(BringUp, a_server_says_at_least_what_goes_with_an_address_that_is_there) {
    FoundMachine machine;
    machine.serve_type(DhcpType::inform);
    Result<NetworkConfiguration> network = machine.bring_up();
    ASSERT_TRUE(network) << describe(network.error());
    EXPECT_THAT(machine.asked, ElementsAre(DhcpType::request, DhcpType::inform));
    EXPECT_TRUE(network->first().is_found) << "the lease is somebody else's";
    ASSERT_TRUE(network->lease());
    EXPECT_FALSE(network->lease()->lifetime);
    EXPECT_EQ(network->lease()->address.to_text(), "192.0.2.10");
    EXPECT_FALSE(machine.network.addresses_of("eth0").front().lifetime);
    EXPECT_EQ(network->host_name, "n7");
    EXPECT_EQ(machine.elapsed(), seconds(0));
}

TEST(BringUp, name_servers_of_the_kernel_are_taken_where_no_server_answers) {
    FoundMachine machine;
    machine.system.add_file("/proc/net/pnp", "#PROTO: DHCP\ndomain cluster.example\nnameserver 0.0.0.0\n"
                                             "nameserver 192.0.2.53\nbootserver 192.0.2.1\n");
    Result<NetworkConfiguration> network = machine.bring_up();
    ASSERT_TRUE(network) << describe(network.error());
    EXPECT_EQ(machine.system.file("/etc/resolv.conf"), "nameserver 192.0.2.53\nsearch cluster.example\n");
}

TEST(BringUp, an_address_that_is_there_by_ip_needs_no_server) {
    FoundMachine machine;
    Result<NetworkConfiguration> network = machine.bring_up("ip=192.0.2.10::192.0.2.1:24::eth0:none");
    ASSERT_TRUE(network) << describe(network.error());
    EXPECT_FALSE(network->first().is_found) << "it is handed over";
    EXPECT_EQ(network->first().fixed.size(), 1u);
    EXPECT_EQ(machine.elapsed(), seconds(0));
}

/// Boots a machine with two cards, of which the second has a server.
static Result<NetworkConfiguration> bring_up_one_of_two(Machine& machine) {
    machine.network.add_card("eth0", kTestMac);
    machine.network.add_card("eth1", kOtherMac);
    machine.serve("eth1", kGenerous);
    return machine.bring_up("nameserver=192.0.2.54");
}

TEST(BringUp, every_step_fails) {
    std::vector<std::string> warnings;
    set_log_sink([&](LogLevel, std::string_view line) { warnings.emplace_back(line); });
    Machine good;
    ASSERT_TRUE(bring_up_one_of_two(good));
    size_t steps = good.transcript.lines().size();
    ASSERT_GT(steps, 15u);
    for (size_t step = 0; step < steps; ++step) {
        Machine machine;
        machine.transcript.fail_at(step);
        warnings.clear();
        Result<NetworkConfiguration> network = bring_up_one_of_two(machine);
        std::string operation = machine.transcript.lines()[step];
        SCOPED_TRACE(operation);
        if (network) {
            EXPECT_THAT(warnings, Contains(HasSubstr(operation))) << "tolerated without a word";
            EXPECT_THAT(machine.addresses_of("eth1"), ElementsAre("192.0.2.10/24"));
            continue;
        }
        EXPECT_THAT(describe(network.error()), HasSubstr(operation));
        EXPECT_THAT(network.error().while_doing, Contains("bringing up the network"));
        machine.expect_untouched("eth0");
        machine.expect_untouched("eth1");
    }
    set_log_sink([](LogLevel, std::string_view) {});
}

/// A machine whose routers speak two seconds after the card was set up, and a DHCPv6 server.
struct RouterMachine : Machine {
    explicit RouterMachine(RouterAdvice advice, std::optional<IpAddress> address = {}) {
        network.add_card("eth0", kTestMac);
        network.serve_dhcp6("eth0", [](ByteView question) {
            Bytes servers = address_bytes("2001:db8::53");
            return answer_as_dhcp6_server(
                question, {{dhcp6_option::kNameServers, servers}, {dhcp6_option::kPreference, {255}}});
        });
        if (advice != RouterAdvice::unheard)
            network.after(seconds(2), [=, this] { network.advertise("eth0", advice, address); });
    }
    std::vector<std::string> sent() {
        std::vector<std::string> lines = transcript.lines();
        std::erase_if(lines, [](const std::string& line) { return !line.starts_with("sending a DHCP"); });
        return lines;
    }
};

static const IpAddress kMade = *IpAddress::parse("2001:db8::5054:ff:fe12:3456");

TEST(BringUp, takes_the_address_that_the_kernel_makes_of_what_routers_advertise) {
    for (std::string_view line : {"ip=auto6", "ip=eth0:either6"}) {
        RouterMachine machine(RouterAdvice::no_dhcp, kMade);
        Result<NetworkConfiguration> network = machine.bring_up(line);
        ASSERT_TRUE(network) << describe(network.error());
        EXPECT_TRUE(network->first().hears_routers);
        ASSERT_EQ(network->first().addresses.size(), 1u);
        EXPECT_EQ(network->first().addresses.front().address, kMade);
        EXPECT_FALSE(network->first().dhcp6);
        EXPECT_EQ(machine.elapsed(), seconds(3)) << "until it is known to be nobody else's";
        EXPECT_THAT(machine.sent(), IsEmpty());
    }
}

TEST(BringUp, knows_the_name_servers_of_routers_behind_those_of_dhcp6) {
    for (RouterAdvice advice : {RouterAdvice::no_dhcp, RouterAdvice::dhcp_for_other}) {
        RouterMachine machine(advice, kMade);
        machine.network.after(seconds(2), [&] {
            machine.network.advertise_options("eth0", name_servers_option({"2001:db8::54", "2001:db8::53"}));
            machine.network.advertise_options("eth0", search_option({"cluster", "example"}));
        });
        Result<NetworkConfiguration> network = machine.bring_up("ip=either6");
        ASSERT_TRUE(network) << describe(network.error());
        EXPECT_EQ(machine.system.file("/etc/resolv.conf"),
                  advice == RouterAdvice::no_dhcp
                      ? "nameserver 2001:db8::54\nnameserver 2001:db8::53\nsearch cluster.example\n"
                      : "nameserver 2001:db8::53\nnameserver 2001:db8::54\nsearch cluster.example\n");
    }
}

TEST(BringUp, forgets_the_name_servers_of_routers_with_the_carrier) {
    RouterMachine machine(RouterAdvice::unheard);
    machine.network.after(seconds(2), [&] {
        machine.network.advertise_options("eth0", name_servers_option({"2001:db8::54"}));
    });
    machine.network.after(seconds(3), [&] { machine.network.pull_out("eth0"); });
    machine.network.after(seconds(4), [&] { machine.network.plug_in("eth0"); });
    machine.network.after(seconds(5), [&] {
        machine.network.advertise("eth0", RouterAdvice::no_dhcp, kMade);
        machine.network.advertise_options("eth0", name_servers_option({"2001:db8::55"}));
    });
    Result<NetworkConfiguration> network = machine.bring_up("ip=auto6");
    ASSERT_TRUE(network) << describe(network.error());
    EXPECT_EQ(machine.system.file("/etc/resolv.conf"), "nameserver 2001:db8::55\n");
}

TEST(BringUp, asks_dhcp6_where_routers_say_so) {
    for (std::string_view line : {"ip=dhcp6", "ip=eth0:either6"}) {
        RouterMachine machine(RouterAdvice::dhcp_for_addresses);
        Result<NetworkConfiguration> network = machine.bring_up(line);
        ASSERT_TRUE(network) << describe(network.error());
        ASSERT_TRUE(network->first().dhcp6);
        EXPECT_EQ(network->first().addresses.front().to_text(), "2001:db8::10/128");
        EXPECT_THAT(machine.addresses_of("eth0"), Contains("2001:db8::10/128"));
        EXPECT_EQ(machine.system.file("/etc/resolv.conf"), "nameserver 2001:db8::53\n");
        EXPECT_EQ(machine.sent().size(), 2u) << "solicit, request";
        EXPECT_EQ(machine.elapsed(), seconds(2));
        EXPECT_EQ(machine.network.open_dhcp_sockets(), 0u);
    }
}

TEST(BringUp, asks_dhcp6_for_information_where_the_address_is_the_kernels) {
    RouterMachine machine(RouterAdvice::dhcp_for_other, kMade);
    Result<NetworkConfiguration> network = machine.bring_up("ip=dhcp6");
    ASSERT_TRUE(network) << describe(network.error());
    ASSERT_TRUE(network->first().dhcp6);
    EXPECT_FALSE(network->first().dhcp6->address);
    ASSERT_EQ(network->first().addresses.size(), 1u);
    EXPECT_EQ(network->first().addresses.front().address, kMade);
    EXPECT_EQ(machine.sent().size(), 1u);
    EXPECT_EQ(network->name_servers.front().to_text(), "2001:db8::53");
}

TEST(BringUp, asks_dhcp6_where_there_is_no_router) {
    RouterMachine machine(RouterAdvice::unheard);
    Result<NetworkConfiguration> network = machine.bring_up("ip=dhcp6");
    ASSERT_TRUE(network) << describe(network.error());
    EXPECT_EQ(network->first().addresses.front().to_text(), "2001:db8::10/128");
    EXPECT_EQ(machine.elapsed(), seconds(7)) << "a link-local address, and six seconds for a router";
}

TEST(BringUp, does_as_a_late_router_says) {
    struct Row {
        RouterAdvice advice;
        std::string_view line;
        Dhcp6Type last; ///< that was asked
    };
    for (const Row& row : std::vector<Row>{
             {RouterAdvice::no_dhcp, "ip=either6", Dhcp6Type::solicit},
             {RouterAdvice::dhcp_for_other, "ip=dhcp6", Dhcp6Type::information_request},
         }) {
        RouterMachine machine(RouterAdvice::unheard);
        std::optional<Dhcp6Type> last;
        machine.network.serve_dhcp6("eth0", [&](ByteView question) {
            last = decode_question(question).type;
            return last == Dhcp6Type::information_request ? answer_as_dhcp6_server(question)
                                                          : std::vector<Bytes>();
        });
        machine.network.after(seconds(20), [&] { machine.network.advertise("eth0", row.advice, kMade); });
        Result<NetworkConfiguration> network = machine.bring_up(row.line);
        ASSERT_TRUE(network) << describe(network.error());
        ASSERT_EQ(network->first().addresses.size(), 1u);
        EXPECT_EQ(network->first().addresses.front().address, kMade);
        EXPECT_EQ(last, row.last);
        EXPECT_EQ(machine.elapsed(), seconds(21));
    }
}

TEST(BringUp, takes_both_versions_of_ip) {
    for (std::string_view line : {"ip=dhcp,dhcp6", "ip=eth0:dhcp ip=eth0:dhcp6"}) {
        RouterMachine machine(RouterAdvice::dhcp_for_addresses);
        machine.serve("eth0");
        Result<NetworkConfiguration> network = machine.bring_up(line);
        ASSERT_TRUE(network) << describe(network.error());
        ASSERT_EQ(network->links.size(), 1u);
        EXPECT_TRUE(network->first().lease && network->first().dhcp6 && network->first().hears_routers);
        EXPECT_THAT(machine.addresses_of("eth0"),
                    testing::IsSupersetOf({"192.0.2.10/24", "2001:db8::10/128"}));
        EXPECT_EQ(network->first().addresses.size(), 2u);
        EXPECT_EQ(machine.elapsed(), seconds(2));
        EXPECT_EQ(machine.network.open_dhcp_sockets(), 0u);
    }
}

TEST(BringUp, one_version_of_ip_is_enough) {
    RouterMachine machine(RouterAdvice::unheard);
    machine.serve("eth0");
    Result<NetworkConfiguration> network = machine.bring_up("ip=dhcp,auto6");
    ASSERT_TRUE(network) << describe(network.error());
    EXPECT_TRUE(network->first().lease);
    EXPECT_FALSE(network->first().hears_routers);
    EXPECT_EQ(machine.elapsed(), seconds(5));
    RouterMachine other(RouterAdvice::no_dhcp, kMade);
    network = other.bring_up("ip=dhcp,auto6");
    ASSERT_TRUE(network) << describe(network.error());
    EXPECT_FALSE(network->first().lease);
    EXPECT_TRUE(network->first().hears_routers);
    EXPECT_EQ(other.elapsed(), seconds(8));
}

TEST(BringUp, fixed_addresses_of_both_versions_of_ip) {
    Machine machine;
    machine.network.add_card("eth0", kTestMac);
    Result<NetworkConfiguration> network =
        machine.bring_up("ip=192.0.2.7::0.0.0.0:24::eth0:none ip=[2001:db8::7]::[2001:db8::1]:64::eth0:none");
    ASSERT_TRUE(network) << describe(network.error());
    EXPECT_THAT(machine.addresses_of("eth0"), ElementsAre("192.0.2.7/24", "2001:db8::7/64"));
    EXPECT_EQ(machine.network.routes_of("eth0").size(), 1u);
    EXPECT_EQ(machine.elapsed(), seconds(0));
}

TEST(BringUp, says_what_was_missing_of_ipv6) {
    RouterMachine machine(RouterAdvice::unheard);
    machine.network.serve_dhcp6("eth0", [](ByteView) { return std::vector<Bytes>(); });
    Result<NetworkConfiguration> silent = machine.bring_up("ip=dhcp6");
    ASSERT_FALSE(silent);
    EXPECT_TRUE(silent.error().is_transient());
    EXPECT_EQ(silent.error().what,
              "no IPv6 address after 60 s: eth0 (52:54:00:12:34:56): no router advertisement; "
              "DHCPv6: asked 6 times, no answer");
    machine.expect_untouched("eth0");
    RouterMachine without_prefix(RouterAdvice::no_dhcp);
    EXPECT_EQ(without_prefix.bring_up("ip=auto6").error().what,
              "no IPv6 address after 60 s: eth0 (52:54:00:12:34:56): the routers advertise no address");
    without_prefix.expect_untouched("eth0");
}

TEST(BringUp, each_failing_step_of_ipv6_is_told_and_undone) {
    RouterMachine whole(RouterAdvice::dhcp_for_addresses);
    ASSERT_TRUE(whole.bring_up("ip=dhcp6"));
    for (size_t step = 0; step < whole.transcript.lines().size(); ++step) {
        RouterMachine machine(RouterAdvice::dhcp_for_addresses);
        machine.transcript.fail_at(step);
        Result<NetworkConfiguration> network = machine.bring_up("ip=dhcp6");
        ASSERT_FALSE(network) << whole.transcript.lines()[step];
        EXPECT_THAT(describe(network.error()), HasSubstr("Input/output error"));
        machine.expect_untouched("eth0");
    }
}

} // namespace mangrove
