#include "net/lease_files.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "net/dhcp_lease.h"
#include "net/dhcp_test_messages.h"
#include "net/link_plan.h"

namespace mangrove {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

static Link card(const std::string& name = "eth0") {
    Link link;
    link.index = 2;
    link.name = name;
    link.type = Link::Type::ethernet;
    link.mac = kTestMac;
    link.mtu = 1500;
    return link;
}

static Lease full_lease() {
    return *read_lease(*decode_dhcp(captured_message("full_acknowledgement")));
}

static NetworkConfiguration leased_network() {
    NetworkConfiguration network;
    ConfiguredLink& link = network.links.emplace_back();
    link.link = card();
    link.lease = full_lease();
    link.link.mtu = *link.lease->mtu;
    LinkPlan plan = plan_from_lease(*link.lease);
    link.addresses = {plan.address};
    link.routes = plan.routes;
    network.name_servers = {*IpAddress::parse("192.0.2.53")};
    network.name_servers.insert(network.name_servers.end(), link.lease->name_servers.begin(),
                                link.lease->name_servers.end());
    network.search = link.lease->search;
    return network;
}

static FixedAddress fixed_of(std::string_view argument) {
    return parse_ip_argument(argument).fixed.at(0);
}

static NetworkConfiguration fixed_network(std::string_view argument) {
    NetworkConfiguration network;
    ConfiguredLink& link = network.links.emplace_back();
    link.link = card();
    LinkPlan plan = plan_from_argument(fixed_of(argument));
    link.addresses = {plan.address};
    link.fixed = {plan.address};
    link.routes = plan.routes;
    network.name_servers = {*IpAddress::parse("192.0.2.53")};
    network.search = {"cluster.example"};
    return network;
}

static std::vector<std::string> to_texts(const std::vector<Route>& routes) {
    std::vector<std::string> texts;
    for (const Route& route : routes)
        texts.push_back(route.to_text() + (route.gateway_check == GatewayCheck::on_link ? " onlink" : ""));
    return texts;
}

TEST(LinkPlan, follows_the_lease) {
    LinkPlan plan = plan_from_lease(full_lease());
    EXPECT_EQ(plan.address.to_text(), "192.0.2.77/24");
    EXPECT_EQ(plan.address.lifetime, seconds(120));
    EXPECT_EQ(plan.address.broadcast->to_text(), "192.0.2.255");
    EXPECT_THAT(to_texts(plan.routes),
                ElementsAre("203.0.113.7/32", "default via 192.0.2.254", "198.51.100.0/25 via 192.0.2.253"));
    for (const Route& route : plan.routes) {
        EXPECT_EQ(route.origin, RouteOrigin::dhcp);
        EXPECT_EQ(route.metric, 1024u);
        EXPECT_EQ(route.source->to_text(), "192.0.2.77");
    }
}

TEST(LinkPlan, takes_the_first_router_and_reaches_one_that_is_outside) {
    Lease lease = *read_lease(plain_offer());
    lease.routers = {*IpAddress::parse("192.0.2.1"), *IpAddress::parse("192.0.2.2")};
    EXPECT_THAT(to_texts(plan_from_lease(lease).routes), ElementsAre("default via 192.0.2.1"));
    lease.prefix_length = 32;
    EXPECT_THAT(to_texts(plan_from_lease(lease).routes), ElementsAre("default via 192.0.2.1 onlink"));
    lease.routers.clear();
    EXPECT_THAT(plan_from_lease(lease).routes, IsEmpty());
}

TEST(LinkPlan, follows_the_kernel_argument) {
    LinkPlan plan = plan_from_argument(fixed_of("192.0.2.10::192.0.2.1:25::eth0:none"));
    EXPECT_EQ(plan.address.to_text(), "192.0.2.10/25");
    EXPECT_EQ(plan.address.broadcast->to_text(), "192.0.2.127");
    EXPECT_FALSE(plan.address.lifetime);
    EXPECT_THAT(to_texts(plan.routes), ElementsAre("default via 192.0.2.1"));
    EXPECT_EQ(plan.routes[0].origin, RouteOrigin::administrator);
    EXPECT_EQ(plan.routes[0].metric, 0u);
    plan = plan_from_argument(fixed_of("[2001:db8::10]::[2001:db8::1]:64::eth0:none"));
    EXPECT_EQ(plan.address.to_text(), "2001:db8::10/64");
    EXPECT_FALSE(plan.address.broadcast);
    EXPECT_EQ(plan.routes[0].destination.family, IpAddress::Family::v6);
    plan = plan_from_argument(fixed_of("192.0.2.10:198.51.100.1::32::eth0:none"));
    EXPECT_EQ(plan.address.peer->to_text(), "198.51.100.1");
    EXPECT_FALSE(plan.address.broadcast);
}

TEST(NetworkFiles, of_a_lease) {
    std::vector<NetworkFile> files = network_files(leased_network());
    ASSERT_EQ(files.size(), 6u);
    EXPECT_EQ(files[0].path, "/run/systemd/network/10-mangrove.network");
    EXPECT_EQ(files[0].mode, 0644u);
    EXPECT_EQ(files[0].contents, "[Match]\n"
                                 "MACAddress=52:54:00:12:34:56\n"
                                 "Type=ether\n"
                                 "Kind=!*\n"
                                 "\n"
                                 "[Network]\n"
                                 "DHCP=ipv4\n"
                                 "KeepConfiguration=yes\n"
                                 "DNS=192.0.2.53\n"
                                 "\n"
                                 "[DHCPv4]\n"
                                 "ClientIdentifier=mac\n"
                                 "UseHostname=no\n"
                                 "UseDomains=yes\n"
                                 "UseMTU=yes\n"
                                 "SendRelease=no\n");
    EXPECT_EQ(files[1].path, "/run/systemd/network/10-mangrove.link");
    EXPECT_EQ(files[1].contents, "[Match]\n"
                                 "MACAddress=52:54:00:12:34:56\n"
                                 "Type=ether\n"
                                 "Kind=!*\n"
                                 "\n"
                                 "[Link]\n"
                                 "NamePolicy=keep\n"
                                 "AlternativeNamesPolicy=database onboard slot path\n");
    EXPECT_EQ(files[2].path, "/run/NetworkManager/system-connections/mangrove.nmconnection");
    EXPECT_EQ(files[2].mode, 0600u);
    EXPECT_EQ(files[2].contents, "[connection]\n"
                                 "id=mangrove\n"
                                 "uuid=6d616e67-726f-7665-8000-525400123456\n"
                                 "type=ethernet\n"
                                 "autoconnect=true\n"
                                 "autoconnect-priority=999\n"
                                 "\n"
                                 "[ethernet]\n"
                                 "mac-address=52:54:00:12:34:56\n"
                                 "mtu=1400\n"
                                 "\n"
                                 "[ipv4]\n"
                                 "method=auto\n"
                                 "dhcp-client-id=mac\n"
                                 "dhcp-timeout=2147483647\n"
                                 "may-fail=false\n"
                                 "dns=192.0.2.53;\n"
                                 "\n"
                                 "[ipv6]\n"
                                 "method=auto\n");
    EXPECT_EQ(files[3].path, "/run/NetworkManager/devices/2") << "the index of the link";
    EXPECT_EQ(files[3].contents, "[device]\n"
                                 "managed=true\n"
                                 "connection-uuid=6d616e67-726f-7665-8000-525400123456\n");
    EXPECT_EQ(files[4].path, "/run/systemd/system/networking.service.d/mangrove.conf");
    EXPECT_EQ(files[4].contents, "[Service]\nExecStop=\n");
    EXPECT_EQ(files[5].path, "/run/systemd/system/ifup@.service.d/mangrove.conf");
}

TEST(NetworkFiles, of_a_lease_whose_mtu_is_not_that_of_the_link) {
    NetworkConfiguration network = leased_network();
    network.links[0].link.mtu = 1450;
    std::string file = network_files(network)[0].contents;
    EXPECT_THAT(file, HasSubstr("\n[Link]\nMTUBytes=1450\n"));
    EXPECT_THAT(file, HasSubstr("\nUseMTU=no\n"));
}

TEST(NetworkFiles, without_the_name_servers_of_others) {
    NetworkConfiguration network = leased_network();
    network.peer_dns = PeerDns::ignore;
    std::vector<NetworkFile> files = network_files(network);
    EXPECT_THAT(files[0].contents, HasSubstr("\nUseDNS=no\n"));
    EXPECT_THAT(files[0].contents, Not(HasSubstr("UseDomains")));
    EXPECT_THAT(files[2].contents, HasSubstr("\nignore-auto-dns=true\n"));
}

TEST(NetworkFiles, of_both_versions_of_ip_and_a_route) {
    NetworkConfiguration network = leased_network();
    ConfiguredLink& link = network.links[0];
    link.hears_routers = true;
    link.fixed = {{.address = *IpAddress::parse("192.0.2.7"), .prefix_length = 24}};
    Route route;
    route.destination = *IpAddress::parse("198.51.100.0");
    route.prefix_length = 24;
    route.gateway = *IpAddress::parse("192.0.2.9");
    link.routes.push_back(route);
    std::vector<NetworkFile> files = network_files(network);
    EXPECT_THAT(files[0].contents, HasSubstr("\nDHCP=ipv4\nIPv6AcceptRA=yes\nKeepConfiguration=yes\n"));
    EXPECT_THAT(files[0].contents, HasSubstr("\n[DHCPv4]\nClientIdentifier=mac\n"));
    EXPECT_THAT(files[0].contents, HasSubstr("\n[Address]\nAddress=192.0.2.7/24\n"));
    EXPECT_THAT(files[0].contents,
                testing::EndsWith("\n[Route]\nDestination=198.51.100.0/24\nGateway=192.0.2.9\n"));
    EXPECT_THAT(files[2].contents, HasSubstr("address1=192.0.2.7/24\nroute1=198.51.100.0/24,192.0.2.9\n"));
    EXPECT_THAT(files[2].contents, HasSubstr("\n[ipv6]\nmethod=auto\naddr-gen-mode=eui64\n"));
}

TEST(NetworkFiles, of_an_infiniband_port) {
    NetworkConfiguration network = leased_network();
    Link& port = network.links[0].link;
    port.type = Link::Type::infiniband;
    port.address = Bytes(kInfinibandAddressSize, 0x24);
    std::string address = hex(port.address, ':');
    std::vector<NetworkFile> files = network_files(network);
    EXPECT_THAT(files[0].contents,
                testing::StartsWith("[Match]\nMACAddress=" + address + "\nType=infiniband\n"));
    EXPECT_THAT(files[2].contents, HasSubstr("type=infiniband\n"));
    EXPECT_THAT(files[2].contents, HasSubstr("\n[infiniband]\nmac-address=" + address
                                             + "\nmtu=1400\n"
                                               "transport-mode=datagram\n"));
}

/// A link that the kernel has given an address, and DHCPv6 what else there is.
static NetworkConfiguration advertised_network() {
    NetworkConfiguration network;
    ConfiguredLink& link = network.links.emplace_back();
    link.link = card();
    link.hears_routers = true;
    link.addresses = {{.address = *IpAddress::parse("2001:db8::5054:ff:fe12:3456"), .prefix_length = 64}};
    link.dhcp6.emplace().name_servers = {*IpAddress::parse("2001:db8::53")};
    network.name_servers = {*IpAddress::parse("192.0.2.53"), *IpAddress::parse("2001:db8::53")};
    network.search = {"cluster.example"};
    return network;
}

TEST(NetworkFiles, of_an_address_by_dhcp6) {
    NetworkConfiguration network = advertised_network();
    ConfiguredLink& link = network.links.front();
    link.dhcp6->address = *IpAddress::parse("2001:db8::10");
    link.addresses = {link.dhcp6->interface_address()};
    std::vector<NetworkFile> files = network_files(network);
    ASSERT_EQ(files.size(), 6u);
    EXPECT_THAT(files[0].contents, HasSubstr("[Network]\n"
                                             "DHCP=ipv6\n"
                                             "IPv6AcceptRA=yes\n"
                                             "KeepConfiguration=yes\n"
                                             "DNS=192.0.2.53\n"
                                             "\n"
                                             "[IPv6AcceptRA]\n"
                                             "UseDomains=yes\n"
                                             "DHCPv6Client=always\n"
                                             "\n"
                                             "[DHCPv6]\n"
                                             "DUIDType=link-layer\n"
                                             "IAID=1193046\n"
                                             "UseHostname=no\n"
                                             "UseDomains=yes\n"
                                             "SendRelease=no\n"
                                             "WithoutRA=solicit\n"));
    EXPECT_THAT(files[2].contents, HasSubstr("[ipv4]\n"
                                             "method=disabled\n"
                                             "\n"
                                             "[ipv6]\n"
                                             "method=auto\n"
                                             "addr-gen-mode=eui64\n"
                                             "ip6-privacy=0\n"
                                             "dhcp-duid=ll\n"
                                             "dhcp-iaid=mac\n"
                                             "dhcp-timeout=2147483647\n"
                                             "ra-timeout=2147483647\n"
                                             "may-fail=false\n"));
}

TEST(NetworkFiles, of_an_address_that_the_kernel_has_made) {
    std::string networkd = network_files(advertised_network())[0].contents;
    EXPECT_THAT(networkd, HasSubstr("DHCP=no\nIPv6AcceptRA=yes\nKeepConfiguration=yes\n"));
    EXPECT_THAT(networkd, HasSubstr("DUIDType=link-layer\n"));
    EXPECT_THAT(networkd, Not(HasSubstr("WithoutRA")));
    EXPECT_THAT(networkd, Not(HasSubstr("[Address]")));
    NetworkConfiguration alone = advertised_network();
    alone.links.front().dhcp6.reset();
    EXPECT_THAT(network_files(alone)[0].contents, HasSubstr("DNS=2001:db8::53\n"));
    alone.links.front().advice.name_servers = {*IpAddress::parse("2001:db8::53")};
    EXPECT_THAT(network_files(alone)[0].contents, Not(HasSubstr("DNS=2001:db8::53\n")))
        << "routers tell the manager, too";
    EXPECT_THAT(network_files(alone)[0].contents, Not(HasSubstr("[DHCPv6]")));
}

TEST(NetworkFiles, of_a_fixed_address) {
    std::vector<NetworkFile> files = network_files(fixed_network("192.0.2.10::192.0.2.1:24::eth0:none"));
    ASSERT_EQ(files.size(), 6u);
    EXPECT_EQ(files[0].contents, "[Match]\n"
                                 "MACAddress=52:54:00:12:34:56\n"
                                 "Type=ether\n"
                                 "Kind=!*\n"
                                 "\n"
                                 "[Link]\n"
                                 "MTUBytes=1500\n"
                                 "\n"
                                 "[Network]\n"
                                 "DHCP=no\n"
                                 "KeepConfiguration=yes\n"
                                 "DNS=192.0.2.53\n"
                                 "Domains=cluster.example\n"
                                 "\n"
                                 "[Address]\n"
                                 "Address=192.0.2.10/24\n"
                                 "\n"
                                 "[Route]\n"
                                 "Gateway=192.0.2.1\n");
    EXPECT_THAT(files[2].contents, HasSubstr("[ipv4]\n"
                                             "method=manual\n"
                                             "may-fail=false\n"
                                             "address1=192.0.2.10/24,192.0.2.1\n"
                                             "dns=192.0.2.53;\n"
                                             "dns-search=cluster.example;\n"));
}

TEST(NetworkFiles, of_a_fixed_ipv6_address_and_of_a_point_to_point_link) {
    std::string manager =
        network_files(fixed_network("[2001:db8::10]::[2001:db8::1]:64::eth0:none"))[2].contents;
    EXPECT_THAT(manager, HasSubstr("[ipv4]\nmethod=disabled\n"));
    EXPECT_THAT(manager,
                HasSubstr("[ipv6]\nmethod=manual\nmay-fail=false\naddress1=2001:db8::10/64,2001:db8::1\n"));
    EXPECT_THAT(manager, Not(HasSubstr("dns=192.0.2.53"))) << "of the other IP version";
    std::string networkd =
        network_files(fixed_network("192.0.2.10:198.51.100.1:192.0.2.1:32::eth0:none"))[0].contents;
    EXPECT_THAT(networkd, HasSubstr("Address=192.0.2.10/32\nPeer=198.51.100.1/32\n"));
    EXPECT_THAT(networkd, HasSubstr("Gateway=192.0.2.1\nGatewayOnLink=yes\n"));
}

TEST(NetworkFiles, of_each_link_and_none_of_a_link_of_somebody_else) {
    NetworkConfiguration network = leased_network();
    network.links.push_back(network.links.front());
    network.links.push_back(network.links.front());
    network.links[1].is_found = true;
    network.links[1].link.index = 3;
    network.links[2].link.index = 4;
    std::vector<std::string> paths;
    for (const NetworkFile& file : network_files(network))
        paths.push_back(file.path);
    EXPECT_THAT(
        paths,
        ElementsAre("/run/systemd/network/10-mangrove.network", "/run/systemd/network/10-mangrove.link",
                    "/run/NetworkManager/system-connections/mangrove.nmconnection",
                    "/run/NetworkManager/devices/2", "/run/systemd/network/10-mangrove-2.network",
                    "/run/systemd/network/10-mangrove-2.link",
                    "/run/NetworkManager/system-connections/mangrove-2.nmconnection",
                    "/run/NetworkManager/devices/4", "/run/systemd/system/networking.service.d/mangrove.conf",
                    "/run/systemd/system/ifup@.service.d/mangrove.conf"));
    network.links = {network.links[1]};
    EXPECT_THAT(network_files(network), IsEmpty());
}

TEST(DhclientConfiguration, names_the_identifier_of_the_lease_unless_the_image_names_one) {
    std::string added = dhclient_configuration("request routers;\n");
    EXPECT_THAT(added, HasSubstr("request routers;\n"));
    EXPECT_THAT(added, HasSubstr("\nsend dhcp-client-identifier = hardware;\n"));
    EXPECT_EQ(dhclient_configuration(added), added);
    EXPECT_NE(dhclient_configuration("#send dhcp-client-identifier 1:2;\n"),
              "#send dhcp-client-identifier 1:2;\n");
    std::string own = "  send dhcp-client-identifier 1:2:3:4:5:6:7;\n";
    EXPECT_EQ(dhclient_configuration(own), own);
}

TEST(ResolverFile, has_servers_and_search_list) {
    EXPECT_EQ(resolver_file(leased_network()),
              "nameserver 192.0.2.53\n"
              "nameserver 192.0.2.1\n"
              "nameserver 192.0.2.2\n"
              "search cluster.example storage.cluster.example example.org\n");
}

} // namespace mangrove
