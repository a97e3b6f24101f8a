#include "net/stacked_links.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/log.h"
#include "net/bring_up.h"
#include "net/dhcp_test_messages.h"
#include "net/lease_files.h"
#include "system/fake/network.h"

namespace mangrove {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

static constexpr MacAddress kOtherMac = {{0x52, 0x54, 0x00, 0xab, 0xcd, 0xef}};

TEST(StackedArgument, a_vlan_has_its_number_in_its_name) {
    struct Row {
        std::string value;
        uint16_t id;
    };
    for (const Row& row : std::vector<Row>{
             {"vlan5:eth0", 5}, {"vlan0005:eth0", 5}, {"eth0.5:eth0", 5}, {"eth0.4094:eth0", 4094}}) {
        Result<VlanArgument> vlan = parse_vlan_argument(row.value);
        ASSERT_TRUE(vlan) << row.value;
        EXPECT_EQ(vlan->id, row.id);
        EXPECT_EQ(vlan->parent, "eth0");
        EXPECT_EQ(vlan->name + ":eth0", row.value);
    }
}

TEST(StackedArgument, a_bond_has_ports_and_options) {
    Result<BondArgument> bond =
        parse_bond_argument("bond1:eth1,eth2:miimon=100,mode=802.3ad,arp_ip_target=192.0.2.1;192.0.2.2:9000");
    ASSERT_TRUE(bond) << describe(bond.error());
    EXPECT_EQ(bond->name, "bond1");
    EXPECT_THAT(bond->ports, ElementsAre("eth1", "eth2"));
    std::vector<std::string> options;
    for (const BondArgument::Option& option : bond->options)
        options.push_back(option.name + "=" + option.value);
    EXPECT_THAT(options, ElementsAre("mode=802.3ad", "miimon=100", "arp_ip_target=+192.0.2.1",
                                     "arp_ip_target=+192.0.2.2"));
    EXPECT_EQ(bond->mtu, 9000u);
    bond = parse_bond_argument("bond0:eth0:downdelay=200,updelay=200,miimon=100,mode=active-backup");
    options.clear();
    for (const BondArgument::Option& option : bond->options)
        options.push_back(option.name);
    EXPECT_THAT(options, ElementsAre("mode", "miimon", "downdelay", "updelay"));
    for (std::string_view bare : {"", "bond0"}) {
        Result<BondArgument> by_default = parse_bond_argument(bare);
        ASSERT_TRUE(by_default);
        EXPECT_EQ(by_default->name, "bond0");
        EXPECT_THAT(by_default->ports, ElementsAre("eth0", "eth1"));
        EXPECT_EQ(by_default->options[0].value, "balance-rr");
    }
}

TEST(StackedArgument, says_what_is_wrong) {
    struct Row {
        std::string value;
        std::string error;
    };
    for (const Row& row : std::vector<Row>{
             {"vlan5", "vlan=vlan5: expected vlan=NAME:INTERFACE"},
             {"vlan5:eth0:1", "vlan=vlan5:eth0:1: expected vlan=NAME:INTERFACE"},
             {"vlan:eth0", "vlan=vlan:eth0: the name does not end in a number from 1 to 4094"},
             {"vlan4095:eth0", "vlan=vlan4095:eth0: the name does not end in a number from 1 to 4094"},
             {":eth0", "vlan=:eth0: the name of an interface is missing"},
             {"vlan5:", "vlan=vlan5:: the name of an interface is missing"},
             {"a/5:eth0", "vlan=a/5:eth0: 'a/5' is not a valid interface name"},
         })
        EXPECT_EQ(parse_vlan_argument(row.value).error().what, row.error);
    for (const Row& row : std::vector<Row>{
             {":eth0", "bond=:eth0: the name of an interface is missing"},
             {"bond0:eth0,,eth1", "bond=bond0:eth0,,eth1: the name of an interface is missing"},
             {"bond0:eth0:fast", "'fast': expected OPTION=VALUE"},
             {"bond0:eth0:../a=b", "'../a=b': expected OPTION=VALUE"},
             {"bond0:eth0::1", "bond=bond0:eth0::1: the MTU '1' is not a number from 68 to 65535"},
             {"bond0:eth0:::", "bond=bond0:eth0:::: more than four fields"},
         })
        EXPECT_EQ(parse_bond_argument(row.value).error().what, row.error);
}

/// A machine with two cards, on which bonds can be made.
struct StackingMachine {
    StackingMachine() {
        network.add_card("eth0", kTestMac);
        network.add_card("eth1", kOtherMac);
        system.add_file("/sys/class/net/bonding_masters", "");
        system.when_written("/sys/class/net/bonding_masters", [this](std::string_view value) -> Result<> {
            std::string name(value.substr(1));
            if (value[0] == '-') {
                static_cast<void>(network.remove_link(name));
                return {};
            }
            for (const char* option : {"mode", "miimon", "slaves", "primary"})
                system.add_file("/sys/class/net/" + name + "/bonding/" + option, "");
            Link bond;
            bond.name = name;
            bond.type = Link::Type::ethernet;
            bond.mac = kTestMac;
            bond.kind = "bond";
            network.add_link(bond);
            return {};
        });
    }
    Result<NetworkConfiguration> bring_up(std::string_view command_line) {
        return bring_up_network(system, modules, KernelCommandLine::parse(command_line));
    }
    void serve(const std::string& link) {
        network.serve_dhcp(link, [](ByteView question) { return answer_as_server(question); });
    }
    std::vector<std::string> names() {
        std::vector<std::string> all;
        std::vector<Link> links = network.links().value();
        for (const Link& link : links)
            all.push_back(link.name);
        return all;
    }

    Transcript transcript;
    FakeSystem system{transcript};
    DeviceModules modules{system};
    FakeNetwork network{system};
};

TEST(StackedLinks, an_address_on_a_vlan) {
    StackingMachine machine;
    machine.network.after(milliseconds(1), [&] { machine.serve("vlan5"); });
    Result<NetworkConfiguration> network = machine.bring_up("vlan=vlan5:eth0 ip=vlan5:dhcp");
    ASSERT_TRUE(network) << describe(network.error());
    EXPECT_EQ(network->first().link.name, "vlan5");
    EXPECT_THAT(machine.system.loaded_modules(), ElementsAre("8021q"));
    EXPECT_THAT(machine.transcript.lines(), Contains("adding vlan5 for VLAN 5 on eth0"));
    EXPECT_EQ(machine.network.link("eth0").state, LinkState::up);
    EXPECT_EQ(machine.network.link("eth1").state, LinkState::down);
    std::vector<NetworkFile> files = network_files(*network);
    ASSERT_EQ(files.size(), 5u);
    EXPECT_THAT(files[0].contents, HasSubstr("[Match]\nName=vlan5\n"));
    EXPECT_EQ(files[1].path, "/run/systemd/network/10-mangrove-eth0.network");
    EXPECT_EQ(files[1].contents,
              "[Match]\nPermanentMACAddress=52:54:00:12:34:56\nKind=!*\n\n[Link]\nUnmanaged=yes\n");
    EXPECT_EQ(files[2].path, "/run/systemd/network/10-mangrove-eth0.link");
    EXPECT_THAT(files[2].contents, HasSubstr("Kind=!*\n\n[Link]\nNamePolicy=keep\n"));
}

TEST(StackedLinks, without_an_ip_argument_the_vlan_counts_as_a_card_and_its_parent_does_not) {
    StackingMachine machine;
    machine.serve("eth0");
    machine.network.after(milliseconds(1), [&] { machine.serve("eth0.5"); });
    Result<NetworkConfiguration> network = machine.bring_up("vlan=eth0.5:eth0");
    ASSERT_TRUE(network) << describe(network.error());
    EXPECT_EQ(network->first().link.name, "eth0.5");
    EXPECT_THAT(machine.network.addresses_of("eth0"), IsEmpty());
}

TEST(StackedLinks, an_address_on_a_bond) {
    StackingMachine machine;
    machine.network.after(milliseconds(1), [&] { machine.serve("bond0"); });
    Result<NetworkConfiguration> network =
        machine.bring_up("bond=bond0:eth0,eth1:primary=eth1,mode=active-backup,miimon=100 ip=bond0:dhcp");
    ASSERT_TRUE(network) << describe(network.error());
    EXPECT_EQ(network->first().link.name, "bond0");
    EXPECT_THAT(machine.system.loaded_modules(), ElementsAre("bonding"));
    std::vector<std::string> written;
    for (const std::string& line : machine.transcript.lines())
        if (line.find("/bonding") != std::string::npos) written.push_back(line);
    EXPECT_THAT(written, ElementsAre("writing '+bond0' to /sys/class/net/bonding_masters",
                                     "writing 'active-backup' to /sys/class/net/bond0/bonding/mode",
                                     "writing '100' to /sys/class/net/bond0/bonding/miimon",
                                     "writing '+eth0' to /sys/class/net/bond0/bonding/slaves",
                                     "writing '+eth1' to /sys/class/net/bond0/bonding/slaves",
                                     "writing 'eth1' to /sys/class/net/bond0/bonding/primary"));
    ASSERT_EQ(network->carriers.size(), 2u);
    EXPECT_EQ(network->carriers[1].mac, kOtherMac);
}

TEST(StackedLinks, each_bond_has_its_own_mtu) {
    StackingMachine machine;
    machine.network.after(milliseconds(1), [&] { machine.serve("bond1"); });
    Result<NetworkConfiguration> network =
        machine.bring_up("bond=bond0:eth0:mode=active-backup:1400 bond=bond1:eth1:mode=active-backup:1300 "
                         "ip=bond1:dhcp");
    ASSERT_TRUE(network) << describe(network.error());
    EXPECT_EQ(machine.network.link("bond0").mtu, 1400u);
    EXPECT_EQ(machine.network.link("bond1").mtu, 1300u);
}

TEST(StackedLinks, an_option_that_the_kernel_refuses_is_passed_over) {
    StackingMachine machine;
    std::vector<std::string> warnings;
    set_log_sink([&](LogLevel, std::string_view line) { warnings.emplace_back(line); });
    machine.network.after(milliseconds(1), [&] { machine.serve("bond0"); });
    Result<NetworkConfiguration> network = machine.bring_up("bond=bond0:eth0:mode=active-backup,nonsense=1");
    set_log_sink([](LogLevel, std::string_view) {});
    ASSERT_TRUE(network) << describe(network.error());
    EXPECT_THAT(warnings, Contains(HasSubstr("bonding/nonsense")));
}

TEST(StackedLinks, an_mtu_of_dhcp_raises_that_of_the_links_below_a_vlan) {
    StackingMachine machine;
    machine.network.after(milliseconds(1), [&] {
        machine.network.serve_dhcp("bond0.7", [](ByteView question) {
            return answer_as_server(question, {{dhcp_option::kMtu, {0x23, 0x28}}});
        });
    });
    Result<NetworkConfiguration> network =
        machine.bring_up("vlan=bond0.7:bond0 bond=bond0:eth0,eth1:mode=active-backup");
    ASSERT_TRUE(network) << describe(network.error());
    EXPECT_EQ(network->first().link.mtu, 9000u);
    EXPECT_EQ(machine.network.link("bond0").mtu, 9000u);
}

TEST(StackedLinks, a_vlan_on_a_bond) {
    StackingMachine machine;
    machine.network.after(milliseconds(1), [&] { machine.serve("bond0.7"); });
    Result<NetworkConfiguration> network =
        machine.bring_up("vlan=bond0.7:bond0 bond=bond0:eth0,eth1:mode=active-backup");
    ASSERT_TRUE(network) << describe(network.error());
    EXPECT_EQ(network->first().link.name, "bond0.7");
}

TEST(StackedLinks, the_boot_card_may_be_any_port_below) {
    struct Row {
        std::string arguments;
        std::string name;
    };
    for (const Row& row : std::vector<Row>{
             {"bond=bond0:eth0,eth1:mode=active-backup", "bond0"},
             {"vlan=bond0.7:bond0 bond=bond0:eth0,eth1:mode=active-backup", "bond0.7"},
             {"vlan=vlan5:eth0 vlan=vlan6:eth1", "vlan6"},
         }) {
        StackingMachine machine;
        machine.network.after(milliseconds(1), [&] { machine.serve(row.name); });
        Result<NetworkConfiguration> network =
            machine.bring_up(row.arguments + " BOOTIF=01-52-54-00-ab-cd-ef");
        ASSERT_TRUE(network) << describe(network.error());
        EXPECT_EQ(network->first().link.name, row.name);
        StackingMachine other;
        EXPECT_FALSE(other.bring_up(row.arguments + " BOOTIF=01-52-54-00-00-00-99"));
    }
}

TEST(StackedLinks, what_is_below_a_vlan_gets_its_mtu) {
    for (std::string_view ip : {"ip=vlan5:dhcp:9000", "ip=::::::dhcp:9000"}) {
        StackingMachine machine;
        machine.network.after(milliseconds(1), [&] { machine.serve("vlan5"); });
        Result<NetworkConfiguration> network = machine.bring_up(text("vlan=vlan4:eth0 vlan=vlan5:eth0 ", ip));
        ASSERT_TRUE(network) << describe(network.error());
        EXPECT_EQ(machine.network.link("vlan5").mtu, 9000u);
        EXPECT_EQ(machine.network.link("eth0").mtu, 9000u);
        StackingMachine silent;
        ASSERT_FALSE(silent.bring_up(text("vlan=vlan4:eth0 vlan=vlan5:eth0 ", ip)));
        EXPECT_EQ(silent.network.link("eth0").mtu, 1500u);
    }
}

TEST(StackedLinks, what_was_made_is_removed_when_nobody_answers) {
    StackingMachine machine;
    ASSERT_FALSE(machine.bring_up("vlan=bond0.7:bond0 bond=bond0:eth0,eth1:mode=active-backup"));
    EXPECT_THAT(machine.names(), ElementsAre("eth0", "eth1"));
}

TEST(StackedLinks, every_step_fails) {
    set_log_sink([](LogLevel, std::string_view) {});
    auto bring_up = [](StackingMachine& machine) {
        machine.network.after(milliseconds(1), [&] { machine.serve("bond0.7"); });
        return machine.bring_up("vlan=bond0.7:bond0 bond=bond0:eth0,eth1:mode=active-backup");
    };
    StackingMachine good;
    ASSERT_TRUE(bring_up(good));
    size_t steps = good.transcript.lines().size();
    for (size_t step = 0; step < steps; ++step) {
        StackingMachine machine;
        machine.transcript.fail_at(step);
        Result<NetworkConfiguration> network = bring_up(machine);
        if (network) continue;
        SCOPED_TRACE(machine.transcript.lines()[step]);
        EXPECT_THAT(describe(network.error()), HasSubstr(machine.transcript.lines()[step]));
        EXPECT_THAT(machine.names(), ElementsAre("eth0", "eth1"));
    }
}

} // namespace mangrove
