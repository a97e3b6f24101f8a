#include "net/ip_argument.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace mangrove {

using Method = IpArgument::Method;

/// All fields of an argument on one line, for the tables below.
static std::string describe_argument(const IpArgument& argument) {
    std::string line = argument.method == Method::dhcp      ? "dhcp"
                       : argument.method == Method::dhcp6   ? "dhcp6"
                       : argument.method == Method::auto6   ? "auto6"
                       : argument.method == Method::either6 ? "either6"
                       : argument.method == Method::off     ? "off"
                                                            : "fixed";
    if (!argument.interface.empty()) line += " on " + argument.interface;
    if (argument.method == Method::fixed)
        line += text(" ", argument.address.to_text(), "/", argument.prefix_length);
    if (argument.peer) line += " peer " + argument.peer->to_text();
    if (argument.gateway) line += " via " + argument.gateway->to_text();
    if (!argument.host_name.empty()) line += " as " + argument.host_name;
    if (argument.mtu) line += text(" mtu ", *argument.mtu);
    if (argument.mac) line += " mac " + argument.mac->to_text();
    for (const IpAddress& server : argument.name_servers)
        line += " dns " + server.to_text();
    return line;
}

TEST(IpArgument, is_read_as_dracut_reads_it) {
    struct Case {
        std::string value;
        std::string read;
    };
    for (const Case& right : std::vector<Case>{
             {"dhcp", "dhcp"},
             {"on", "dhcp"},
             {"any", "dhcp"},
             {"single-dhcp", "dhcp"},
             {"dhcp6", "dhcp6"},
             {"eth0:auto6", "auto6 on eth0"},
             {"eth0:either6:1400", "either6 on eth0 mtu 1400"},
             {":::::eth0:dhcp6", "dhcp6 on eth0"},
             {"off", "off"},
             {"none", "off"},
             {"eth0:dhcp", "dhcp on eth0"},
             {"eth0:off", "off on eth0"},
             {"enp1s0f0np0:on", "dhcp on enp1s0f0np0"},
             {"eth0:dhcp:9000", "dhcp on eth0 mtu 9000"},
             {"eth0:dhcp:9000:52:54:00:0A:0b:0c", "dhcp on eth0 mtu 9000 mac 52:54:00:0a:0b:0c"},
             {"eth0:dhcp::52:54:00:0a:0b:0c", "dhcp on eth0 mac 52:54:00:0a:0b:0c"},
             {"eth0:dhcp::52-54-00-0a-0b-0c", "dhcp on eth0 mac 52:54:00:0a:0b:0c"},
             {"eth0:dhcp:", "dhcp on eth0"},
             {"192.0.2.10::192.0.2.1:255.255.255.0:node7:eth0:none",
              "fixed on eth0 192.0.2.10/24 via 192.0.2.1 as node7"},
             {"192.0.2.10::192.0.2.1:24:node7:eth0:off",
              "fixed on eth0 192.0.2.10/24 via 192.0.2.1 as node7"},
             {"192.0.2.10::192.0.2.1:24::eth0:static", "fixed on eth0 192.0.2.10/24 via 192.0.2.1"},
             {"192.0.2.10:::255.255.255.128::eth0", "fixed on eth0 192.0.2.10/25"},
             {"192.0.2.10:::24:::", "fixed 192.0.2.10/24"},
             {"192.0.2.10:192.0.2.11:192.0.2.1:255.255.255.0", "fixed 192.0.2.10/24 via 192.0.2.1"},
             {"192.0.2.10:192.0.2.11/32::32::eth0:none", "fixed on eth0 192.0.2.10/32 peer 192.0.2.11"},
             {"192.0.2.10::192.0.2.1:24::eth0:none:1400",
              "fixed on eth0 192.0.2.10/24 via 192.0.2.1 mtu 1400"},
             {"192.0.2.10::192.0.2.1:24::eth0:none:1400:52:54:00:0a:0b:0c",
              "fixed on eth0 192.0.2.10/24 via 192.0.2.1 mtu 1400 mac 52:54:00:0a:0b:0c"},
             {"192.0.2.10::192.0.2.1:24::eth0:none::52:54:00:0a:0b:0c",
              "fixed on eth0 192.0.2.10/24 via 192.0.2.1 mac 52:54:00:0a:0b:0c"},
             {"192.0.2.10::192.0.2.1:24::eth0:none:192.0.2.53",
              "fixed on eth0 192.0.2.10/24 via 192.0.2.1 dns 192.0.2.53"},
             {"192.0.2.10::192.0.2.1:24::eth0:none:192.0.2.53:192.0.2.54",
              "fixed on eth0 192.0.2.10/24 via 192.0.2.1 dns 192.0.2.53 dns 192.0.2.54"},
             {"192.0.2.10::192.0.2.1:24::eth0:none::192.0.2.54",
              "fixed on eth0 192.0.2.10/24 via 192.0.2.1 dns 192.0.2.54"},
             {"[2001:db8::10]::[2001:db8::1]:64:node7:eth0:none:[2001:db8::53]",
              "fixed on eth0 2001:db8::10/64 via 2001:db8::1 as node7 dns 2001:db8::53"},
             {"::::node7:eth0:dhcp", "dhcp on eth0 as node7"},
             {":::::eth0:dhcp", "dhcp on eth0"},
             {"::::node7::dhcp", "dhcp as node7"},
             {"192.0.2.10::192.0.2.1:24::eth0:dhcp", "dhcp on eth0"},
             {"::::::", "dhcp"},
         }) {
        Result<IpArgument> argument = parse_ip_argument(right.value);
        ASSERT_TRUE(argument) << right.value << ": " << describe(argument.error());
        EXPECT_EQ(describe_argument(*argument), right.read) << right.value;
        EXPECT_EQ(argument->written, "ip=" + right.value);
    }
}

TEST(IpArgument, says_which_field_is_wrong) {
    struct Case {
        std::string value;
        std::string error;
    };
    for (const Case& wrong : std::vector<Case>{
             {"", "method (field 1): '' is unknown"},
             {"dhpc", "method (field 1): 'dhpc' is unknown; did you mean 'dhcp'?"},
             {"dhcp7", "method (field 1): 'dhcp7' is unknown; did you mean 'dhcp'?"},
             {"eth0:link6", "method (field 2): 'link6' is not in this build"},
             {"ibft", "method (field 1): 'ibft' is not in this build"},
             {"192.0.2.10", "method (field 1): '192.0.2.10' is unknown"},
             {"eth0:", "method (field 2): '' is unknown"},
             {"eth0/1:dhcp", "interface (field 1): 'eth0/1' cannot be the name of an interface"},
             {"averyveryverylong:dhcp",
              "interface (field 1): 'averyveryverylong' cannot be the name of an interface"},
             {"eth0:dhcp:67", "MTU (field 3): '67' is no number from 68 to 65535"},
             {"eth0:dhcp:65536", "MTU (field 3): '65536' is no number from 68 to 65535"},
             {"eth0:dhcp:jumbo", "MTU (field 3): 'jumbo' is no number from 68 to 65535"},
             {"eth0:dhcp:1500:52:54:00", "MAC address (field 4): '52:54:00' is no MAC address"},
             {"192.0.2.10:dhcp", "netmask (field 4): is missing"},
             {"192.0.2.300::192.0.2.1:24::eth0:none",
              "client address (field 1): '192.0.2.300' is no IP address"},
             {"192.0.2.10:x:192.0.2.1:24::eth0:none", "peer (field 2): 'x' is no IP address"},
             {"192.0.2.10::gate:24::eth0:none", "gateway (field 3): 'gate' is no IP address"},
             {"192.0.2.10::192.0.2.1:::eth0:none", "netmask (field 4): is missing"},
             {"192.0.2.10::192.0.2.1:33::eth0:none",
              "netmask (field 4): '33' is neither a netmask nor a prefix length from 1 to 32"},
             {"192.0.2.10::192.0.2.1:255.0.255.0::eth0:none",
              "netmask (field 4): '255.0.255.0' is neither a netmask nor a prefix length from 1 to 32"},
             {"[2001:db8::10]:::129::eth0:none",
              "netmask (field 4): '129' is neither a netmask nor a prefix length from 1 to 128"},
             {"[2001:db8::10]::192.0.2.1:64::eth0:none",
              "gateway (field 3): 192.0.2.1 and 2001:db8::10 are of different IP versions"},
             {"192.0.2.10::192.0.2.1:24:no de:eth0:none", "host name (field 5): 'no de' is no host name"},
             {"192.0.2.10::192.0.2.1:24::eth0:nine",
              "method (field 7): 'nine' is unknown; did you mean 'none'?"},
             {"192.0.2.10::192.0.2.1:24::eth0:none:192.0.2.53:192.0.2.54:192.0.2.55",
              "field 10: there are two name servers at most"},
             {"192.0.2.10::192.0.2.1:24::eth0:none:192.0.2.53:x",
              "name server (field 9): 'x' is no IP address"},
         }) {
        Result<IpArgument> argument = parse_ip_argument(wrong.value);
        ASSERT_FALSE(argument) << wrong.value << ": " << describe_argument(*argument);
        EXPECT_EQ(describe(argument.error()),
                  wrong.error + "\n  while reading the kernel argument ip=" + wrong.value);
        EXPECT_FALSE(argument.error().is_transient());
    }
}

static Result<NetworkArguments> parse(std::string_view line) {
    return parse_network_arguments(KernelCommandLine::parse(line));
}

TEST(NetworkArguments, are_taken_together) {
    Result<NetworkArguments> arguments =
        parse("quiet ip=eth0:dhcp BOOTIF=01-52-54-00-12-34-56 nameserver=192.0.2.53 ip=eth1:off "
              "nameserver=[2001:db8::53]");
    ASSERT_TRUE(arguments) << describe(arguments.error());
    ASSERT_EQ(arguments->interfaces.size(), 2u);
    EXPECT_EQ(arguments->interfaces[1].interface, "eth1");
    EXPECT_EQ(arguments->boot_card->to_text(), "52:54:00:12:34:56");
    ASSERT_EQ(arguments->name_servers.size(), 2u);
    EXPECT_EQ(arguments->name_servers[1].to_text(), "2001:db8::53");
    EXPECT_TRUE(parse("quiet")->interfaces.empty());
    EXPECT_EQ(parse("BOOTIF=52:54:00:12:34:56")->boot_card->to_text(), "52:54:00:12:34:56");
}

TEST(NetworkArguments, that_contradict_or_make_no_sense_are_errors) {
    struct Case {
        std::string line;
        std::string error;
    };
    for (const Case& wrong : std::vector<Case>{
             {"ip=eth0:dhcp ip=eth0:off", "kernel arguments ip=eth0:dhcp and ip=eth0:off: both are for eth0"},
             {"ip=dhcp ip=on", "kernel arguments ip=dhcp and ip=on: both are for no interface in particular"},
             {"BOOTIF=eth0", "BOOTIF=eth0: no MAC address in the form 01-52-54-00-12-34-56 (01 is Ethernet)"},
             {"BOOTIF=20-52-54-00-12-34-56", "BOOTIF=20-52-54-00-12-34-56: no MAC address in the form "
                                             "01-52-54-00-12-34-56 (01 is Ethernet)"},
             {"nameserver=dns.example", "kernel argument nameserver=: 'dns.example' is no IP address"},
         }) {
        Result<NetworkArguments> arguments = parse(wrong.line);
        ASSERT_FALSE(arguments) << wrong.line;
        EXPECT_EQ(arguments.error().what, wrong.error);
    }
}

} // namespace mangrove
