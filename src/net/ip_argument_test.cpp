#include "net/ip_argument.h"

#include <fstream>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "net/domain_names.h"
#include "net/host_addresses.h"

namespace mangrove {

using testing::ElementsAre;
using testing::IsEmpty;

/// All fields of an argument on one line, for the tables below.
static std::string describe_argument(const IpArgument& argument) {
    using Ipv6 = IpArgument::Ipv6;
    std::vector<std::string> methods;
    if (argument.dhcp) methods.push_back("dhcp");
    if (argument.ipv6 == Ipv6::dhcp6) methods.push_back("dhcp6");
    if (argument.ipv6 == Ipv6::auto6) methods.push_back("auto6");
    if (argument.ipv6 == Ipv6::either6) methods.push_back("either6");
    for (const FixedAddress& fixed : argument.fixed) {
        std::string address = text(fixed.address.to_text(), "/", fixed.prefix_length);
        if (fixed.peer) address += " peer " + fixed.peer->to_text();
        if (fixed.gateway) address += " via " + fixed.gateway->to_text();
        methods.push_back(address);
    }
    std::string line = argument.is_off() ? "off" : join(methods, " + ");
    if (!argument.interface.empty()) line += " on " + argument.interface;
    if (!argument.host_name.empty()) line += " as " + argument.host_name;
    if (argument.mtu) line += text(" mtu ", *argument.mtu);
    if (argument.mac) line += " mac " + argument.mac->to_text();
    for (const IpAddress& server : argument.name_servers)
        line += " dns " + server.to_text();
    return line;
}

static NetworkArguments parse(std::string_view line) {
    return parse_network_arguments(KernelCommandLine::parse(line)).value();
}

/// Describes the network arguments of a command line, without those that are ignored.
static std::string describe_line(std::string_view line) {
    NetworkArguments arguments = parse(line);
    std::vector<std::string> parts;
    for (const IpArgument& argument : arguments.interfaces)
        parts.push_back(describe_argument(argument));
    if (arguments.boot_card) parts.push_back("card " + arguments.boot_card->to_text());
    if (!arguments.boot_device.empty()) parts.push_back("interface " + arguments.boot_device);
    for (const InterfaceName& each : arguments.names)
        parts.push_back(text(each.name, " is ", each.mac.to_text()));
    for (const RouteArgument& each : arguments.routes) {
        std::string route = text("route ", each.destination.to_text(), "/", each.prefix_length);
        if (each.gateway) route += " via " + each.gateway->to_text();
        if (!each.interface.empty()) route += " on " + each.interface;
        parts.push_back(route);
    }
    for (const IpAddress& server : arguments.name_servers)
        parts.push_back("dns " + server.to_text());
    if (arguments.peer_dns == PeerDns::ignore) parts.push_back("no peer dns");
    for (const VlanArgument& each : arguments.vlans)
        parts.push_back(text(each.name, " is ", each.id, " on ", each.parent));
    for (const BondArgument& each : arguments.bonds)
        parts.push_back(text(each.name, " of ", join(each.ports, " ")));
    return join(parts, ", ");
}

/// A form of an argument, what the page says of it, and how the code reads it.
struct Form {
    std::string written;
    std::string meaning;
    std::string read;
    bool is_ignored = false; ///< wholly or in part, which is said
};

static const std::vector<Form>& forms() {
    static const std::vector<Form> all = {
        {"ip=dhcp",
         "DHCPv4 on every card; the first good answer wins. `on`, `any`, `both`, `bootp`, `dhcp4` and "
         "`single-dhcp` are the same",
         "dhcp"},
        {"ip=dhcp6", "DHCPv6, or as the routers say ([docs/dhcp.md](docs/dhcp.md#dhcpv6))", "dhcp6"},
        {"ip=auto6", "the address that the kernel makes of router advertisements", "auto6"},
        {"ip=either6", "the one or the other, as the routers say", "either6"},
        {"ip=dhcp,dhcp6", "DHCPv4 and DHCPv6. One is enough, the other has five seconds more",
         "dhcp + dhcp6"},
        {"ip=auto", "NetworkManager's: DHCPv4 and `either6`", "dhcp + either6"},
        {"ip=off", "the network is off. A boot that needs it uses DHCP, and says so. `none` is the same",
         "off"},
        {"ip=ibft", "ignored, as are `fw`, `link6`, `link-local` and `rarp`: DHCPv4 is used", "dhcp", true},
        {"ip=dhcp,1,node7", "a client identifier of the kernel's form: ignored, DHCPv4 is used", "dhcp",
         true},
        {"ip=eth0:dhcp", "DHCPv4 on eth0; any method from above can be in its place", "dhcp on eth0"},
        {"ip=eth0:dhcp:9000:52:54:00:12:34:56", "the same, with an MTU and a hardware address to set",
         "dhcp on eth0 mtu 9000 mac 52:54:00:12:34:56"},
        {"ip=52-54-00-12-34-56:dhcp", "the card with that hardware address", "dhcp on 52-54-00-12-34-56"},
        {"ip=eth0:dhcp ip=eth0:auto6", "several of one interface add up", "dhcp + auto6 on eth0"},
        {"ip=eth0:dhcp ip=eth1:off", "eth1 is left alone", "dhcp on eth0, off on eth1"},
        {"ip=192.0.2.7",
         "a fixed address, on the first card with a carrier; the netmask is that of its class",
         "192.0.2.7/24"},
        {"ip=192.0.2.7:192.0.2.2:192.0.2.1:255.255.255.0",
         "PXELINUX's: address, boot server, gateway, netmask; 0.0.0.0 is none wherever it is",
         "192.0.2.7/24 via 192.0.2.1"},
        {"ip=192.0.2.7::192.0.2.1:24:node7:eth0:none",
         "address, peer or boot server, gateway, netmask or prefix length, host name, interface, method "
         "(`none`, "
         "`off`, `static`, or nothing)",
         "192.0.2.7/24 via 192.0.2.1 on eth0 as node7"},
        {"ip=192.0.2.7::192.0.2.1:24::eth0:none:9000:52:54:00:12:34:56",
         "with an MTU and a hardware address to set",
         "192.0.2.7/24 via 192.0.2.1 on eth0 mtu 9000 mac 52:54:00:12:34:56"},
        {"ip=192.0.2.7::192.0.2.1:24::eth0:off:192.0.2.53:192.0.2.54:192.0.2.123",
         "with name servers; the kernel's time server behind them is ignored",
         "192.0.2.7/24 via 192.0.2.1 on eth0 dns 192.0.2.53 dns 192.0.2.54", true},
        {"ip=[2001:db8::7]::[2001:db8::1]:64::eth0:none", "the same of IPv6, in brackets",
         "2001:db8::7/64 via 2001:db8::1 on eth0"},
        {"ip=192.0.2.7/24::192.0.2.1:::eth0:none", "a prefix length behind the address",
         "192.0.2.7/24 via 192.0.2.1 on eth0"},
        {"ip=::::node7:BOOTIF", "MAAS's: DHCPv4 on the card of `BOOTIF=`, and a host name", "dhcp as node7"},
        {"ip=::192.0.2.1::::", "OpenShift's: a default gateway alone", "route 0.0.0.0/0 via 192.0.2.1"},
        {"nfsaddrs=192.0.2.7:192.0.2.2:192.0.2.1:24", "the kernel's older name of `ip=`",
         "192.0.2.7/24 via 192.0.2.1"},
        {"BOOTIF=01-52-54-00-12-34-56",
         "the card to use where `ip=` names none; all of them where it is not there",
         "card 52:54:00:12:34:56"},
        {"BOOTIF=20-24-8a-07-03-00-a3-ee-2c", "the same of InfiniBand: the GUID of its port",
         "card 24:8a:07:a3:ee:2c"},
        {"BOOTIF=", "ignored: all cards are asked", "", true},
        {"rd.bootif=0 BOOTIF=01-52-54-00-12-34-56", "`BOOTIF=` is ignored", ""},
        {"bootdev=eth0",
         "the interface to use where `ip=` names none. Of several, its host name and name servers go "
         "first",
         "interface eth0"},
        {"ifname=lan0:52:54:00:12:34:56",
         "the card is renamed. One that is up already keeps its name, and other "
         "arguments mean it all the same",
         "lan0 is 52:54:00:12:34:56"},
        {"vlan=vlan5:eth0", "a VLAN, its number at the end of the name", "vlan5 is 5 on eth0"},
        {"bond=bond0:eth0,eth1:mode=802.3ad,miimon=100:9000",
         "a bond: interfaces, options of the kernel's bonding, MTU", "bond0 of eth0 eth1"},
        {"bond=bond0", "a bond of eth0 and eth1", "bond0 of eth0 eth1"},
        {"bridge=br0:eth0 ip=br0:dhcp", "bridges are not in this build: ignored; its `ip=` is used for eth0",
         "dhcp on eth0", true},
        {"team=team0:eth0,eth1 ip=team0:dhcp",
         "teams are not in this build: ignored; its `ip=` is used for any card", "dhcp", true},
        {"rd.route=198.51.100.0/24:192.0.2.1:eth0",
         "a route; without an interface on the one whose network has the gateway",
         "route 198.51.100.0/24 via 192.0.2.1 on eth0"},
        {"rd.route=[2001:db8:1::]/48:[2001:db8::1]", "the same of IPv6",
         "route 2001:db8:1::/48 via 2001:db8::1"},
        {"nameserver=192.0.2.53", "a name server; it goes before all others", "dns 192.0.2.53"},
        {"rd.peerdns=0", "the name servers and search domains of DHCP and routers are not used",
         "no peer dns"},
        {"rd.neednet=1", "ignored: the network is brought up when the boot needs it", "", true},
        {"rd.net.timeout.dhcp=30", "ignored, as is every other `rd.net.…`", "", true},
        {"rd.znet=qeth,0.0.0600",
         "ignored, as are `rd.znet_ifname=`, `rd.ethtool=`, `ip6=`, `netdev=` and "
         "`ksdevice=`",
         "", true},
    };
    return all;
}

TEST(NetworkArguments, are_read_as_their_page_says) {
    for (const Form& form : forms()) {
        EXPECT_EQ(describe_line(form.written), form.read) << form.written;
        EXPECT_EQ(!parse(form.written).ignored.empty(), form.is_ignored) << form.written;
    }
}

TEST(NetworkArguments, are_on_their_page) {
    std::ifstream page(SOURCE_DIRECTORY "/kernel-cmdline.md");
    std::vector<std::string> documented, read;
    bool is_in_table = false;
    for (std::string line; std::getline(page, line);) {
        if (line == "| form | effect |") is_in_table = true;
        if (line.empty()) is_in_table = false;
        if (is_in_table && line.starts_with("| `")) documented.push_back(line);
    }
    for (const Form& form : forms())
        read.push_back(text("| `", form.written, "` | ", form.meaning, " |"));
    EXPECT_EQ(documented, read);
}

TEST(IpArgument, other_spellings) {
    struct Case {
        std::string value;
        std::string read;
    };
    for (const Case& right : std::vector<Case>{
             {"", "dhcp"},
             {"none", "off"},
             {"eth0:", "dhcp on eth0"},
             {"eth0:either6:1400", "either6 on eth0 mtu 1400"},
             {":::::eth0:dhcp6", "dhcp6 on eth0"},
             {":::::eth0:dhcp,auto6", "dhcp + auto6 on eth0"},
             {":::::eth0:none", "off on eth0"},
             {"enp1s0f0np0:on", "dhcp on enp1s0f0np0"},
             {"eth0:dhcp:9000", "dhcp on eth0 mtu 9000"},
             {"eth0:dhcp::52:54:00:0a:0b:0c", "dhcp on eth0 mac 52:54:00:0a:0b:0c"},
             {"eth0:dhcp::52-54-00-0a-0b-0c", "dhcp on eth0 mac 52:54:00:0a:0b:0c"},
             {"eth0:dhcp:", "dhcp on eth0"},
             {"192.0.2.10:::255.255.255.128::eth0", "192.0.2.10/25 on eth0"},
             {"192.0.2.10:::24:::", "192.0.2.10/24"},
             {"10.0.0.7:::::eth0:none", "10.0.0.7/8 on eth0"},
             {"[2001:db8::7]:::::eth0:none", "2001:db8::7/64 on eth0"},
             {"192.0.2.10:0.0.0.0:0.0.0.0:0.0.0.0::eth0:none:0.0.0.0:192.0.2.53",
              "192.0.2.10/24 on eth0 dns 192.0.2.53"},
             {"0.0.0.0:192.0.2.2:0.0.0.0:0.0.0.0", "dhcp"},
             {"0.0.0.0::::node7:eth0:dhcp", "dhcp on eth0 as node7"},
             {"192.0.2.10:192.0.2.11/32::32::eth0:none", "192.0.2.10/32 peer 192.0.2.11 on eth0"},
             {"192.0.2.10:192.0.2.11::24::eth0:none", "192.0.2.10/24 on eth0"},
             {"192.0.2.10:198.51.100.1::24::eth0:none", "192.0.2.10/24 peer 198.51.100.1 on eth0"},
             {"192.0.2.10::192.0.2.1:24::eth0:none::192.0.2.54",
              "192.0.2.10/24 via 192.0.2.1 on eth0 dns 192.0.2.54"},
             {"::::node7::dhcp", "dhcp as node7"},
             {"::::::", "dhcp"},
         }) {
        IpArgument argument = parse_ip_argument(right.value);
        EXPECT_EQ(describe_argument(argument), right.read) << right.value;
        EXPECT_THAT(argument.ignored, IsEmpty()) << right.value;
        EXPECT_EQ(argument.written, "ip=" + right.value);
    }
}

TEST(IpArgument, fields_that_make_no_sense_are_ignored_with_a_sentence) {
    struct Case {
        std::string value;
        std::string read;
        std::string ignored;
    };
    for (const Case& odd : std::vector<Case>{
             {"dhpc", "dhcp", "method (field 1): 'dhpc' is unknown; did you mean 'dhcp'?; using DHCP"},
             {"eth0:link6", "dhcp on eth0", "method (field 2): 'link6' is not in this build; using DHCP"},
             {"eth0:dhcp,x", "dhcp on eth0", "method (field 2): 'x' is unknown; using DHCP"},
             {"averyveryverylong:dhcp", "dhcp",
              "interface (field 1): 'averyveryverylong' is not a valid interface name"},
             {"eth0/1:dhcp", "dhcp", "interface (field 1): 'eth0/1' is not a valid interface name"},
             {"eth0:dhcp:64", "dhcp on eth0", "MTU (field 3): '64' is not a number from 68 to 65535"},
             {"eth0:dhcp:1400:52:54", "dhcp on eth0 mtu 1400",
              "MAC address (field 4): '52:54' is not a MAC address"},
             {"192.0.2.300::192.0.2.1:24::eth0:none", "dhcp on eth0",
              "client address (field 1): '192.0.2.300' is not an IP address"},
             {"192.0.2.10::192.0.2.1:24::eth0:dhcp", "dhcp on eth0",
              "client address (field 1): 192.0.2.10 is not used, as the method (field 7) asks for one"},
             {"192.0.2.10:x:192.0.2.1:24::eth0:none", "192.0.2.10/24 via 192.0.2.1 on eth0",
              "peer (field 2): 'x' is not an IP address"},
             {"192.0.2.10::gate:24::eth0:none", "192.0.2.10/24 on eth0",
              "gateway (field 3): 'gate' is not an IP address"},
             {"192.0.2.10::192.0.2.1:33::eth0:none", "192.0.2.10/24 via 192.0.2.1 on eth0",
              "netmask (field 4): '33' is neither a netmask nor a prefix length from 1 to 32; 24 is used"},
             {"192.0.2.10::192.0.2.1:255.0.255.0::eth0:none", "192.0.2.10/24 via 192.0.2.1 on eth0",
              "netmask (field 4): '255.0.255.0' is neither a netmask nor a prefix length from 1 to 32; 24 is "
              "used"},
             {"[2001:db8::10]::192.0.2.1:64::eth0:none", "2001:db8::10/64 on eth0",
              "gateway (field 3): 192.0.2.1 and 2001:db8::10 are of different IP versions"},
             {"192.0.2.10::192.0.2.1:24:no de:eth0:none", "192.0.2.10/24 via 192.0.2.1 on eth0",
              "host name (field 5): 'no de' is not a host name"},
             {"192.0.2.10::192.0.2.1:24::eth0:none:192.0.2.53:x",
              "192.0.2.10/24 via 192.0.2.1 on eth0 dns 192.0.2.53",
              "name server (field 9): 'x' is not an IP address"},
         }) {
        IpArgument argument = parse_ip_argument(odd.value);
        EXPECT_EQ(describe_argument(argument), odd.read) << odd.value;
        EXPECT_THAT(argument.ignored, ElementsAre(text("ip=", odd.value, ": ", odd.ignored)));
    }
}

TEST(NetworkArguments, of_one_interface_add_up) {
    EXPECT_EQ(describe_line("ip=dhcp ip=dhcp"), "dhcp");
    EXPECT_EQ(describe_line("ip=eth0:dhcp ip=eth0:off"), "dhcp on eth0");
    EXPECT_EQ(
        describe_line("ip=192.0.2.7:::24::eth0:none ip=[2001:db8::7]:::64::eth0:none:9000 ip=eth0:auto6"),
        "auto6 + 192.0.2.7/24 + 2001:db8::7/64 on eth0 mtu 9000");
    EXPECT_EQ(describe_line("ip=192.0.2.7:::24::eth0:none ip=192.0.2.7:::24::eth0:none"),
              "192.0.2.7/24 on eth0");
}

TEST(NetworkArguments, that_make_no_sense_are_ignored_with_a_sentence) {
    for (const char* line : {
             "BOOTIF=eth0",
             "BOOTIF=20-52-54-00-12-34-56",
             "ifname=eth0",
             "ifname=:52:54:00:12:34:56",
             "rd.route=192.0.2.0/24",
             "rd.route=192.0.2.0/33:192.0.2.1",
             "rd.route=192.0.2.0/24:[2001:db8::1]",
             "rd.route=gate",
             "nameserver=dns.example",
             "vlan=vlan5",
             "bond=bond0:eth0:fast",
         }) {
        EXPECT_EQ(describe_line(line), "");
        std::vector<std::string> ignored = parse(line).ignored;
        ASSERT_EQ(ignored.size(), 1u) << line;
        EXPECT_TRUE(ignored[0].starts_with(line)) << ignored[0];
    }
}

TEST(NetworkArguments, the_port_of_a_bridge_is_an_interface) {
    EXPECT_EQ(describe_line("bridge=br0:a/b ip=br0:dhcp"), "dhcp");
    EXPECT_EQ(describe_line("bridge=br0:abcdefghijklmnop ip=br0:dhcp"), "dhcp");
    EXPECT_EQ(describe_line("bridge=:eth0 ip=dhcp"), "dhcp");
}

TEST(NetworkArguments, routes_lose_the_bits_behind_their_prefix) {
    EXPECT_EQ(describe_line("rd.route=198.51.100.7/255.255.255.0:192.0.2.1"),
              "route 198.51.100.0/24 via 192.0.2.1");
    EXPECT_EQ(describe_line("rd.route=0.0.0.0/0:192.0.2.1"), "route 0.0.0.0/0 via 192.0.2.1");
    EXPECT_EQ(describe_line("rd.route=198.51.100.7/24:0.0.0.0:eth0"), "route 198.51.100.0/24 on eth0");
    EXPECT_EQ(describe_line("rd.route=[2001:db8:1::7/48]:[2001:db8::1]"),
              "route 2001:db8:1::/48 via 2001:db8::1");
}

TEST(NetworkArguments, a_hardware_address_can_have_its_type_in_front) {
    for (const char* line : {"BOOTIF=52:54:00:12:34:56", "BOOTIF=01:52:54:00:12:34:56"})
        EXPECT_EQ(describe_line(line), "card 52:54:00:12:34:56");
    EXPECT_EQ(describe_line("ifname=ib0:80:00:02:08:fe:80:00:00:00:00:00:00:24:8a:07:03:00:a3:ee:2c"),
              "ib0 is 24:8a:07:a3:ee:2c");
}

} // namespace mangrove
