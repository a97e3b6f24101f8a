#include <gmock/gmock.h>

#include "head/import/testing/imported.h"

using namespace mangrove;
using namespace mangrove::head;
using testing::ElementsAre;
using testing::HasSubstr;

namespace {

Result<Imported> read(const std::string& contents) {
    return import_dnsmasq(contents, "hosts");
}

TEST(ImportDnsmasq, LinesOfAHostsfile) {
    Result<Imported> imported = read("# MAC, address, name\n"
                                     "52:54:00:12:34:01,10.0.0.1,n1,infinite\n"
                                     "52:54:00:12:34:02, set:gpu, 10.0.0.2, n2, 12h # rack 7\r\n"
                                     "52:54:00:12:34:12,10.1.0.2,n2\n"
                                     "52:54:00:12:34:03,52:54:00:12:34:13,10.0.0.3,[fd00::3],n3\n"
                                     "n4,52:54:00:12:34:04\n");
    EXPECT_EQ(
        objects_of(imported),
        "node n1 {\"interfaces\":{\"default\":{\"mac\":\"52:54:00:12:34:01\",\"address\":\"10.0.0.1\"}}}\n"
        "node n2 {\"groups\":[\"gpu\"],\"interfaces\":{\"default\":{\"mac\":\"52:54:00:12:34:02\","
        "\"address\":\"10.0.0.2\"},\"default2\":{\"mac\":\"52:54:00:12:34:12\",\"address\":\"10.1.0.2\"}}}\n"
        "node n3 {\"macs\":[\"52:54:00:12:34:03\",\"52:54:00:12:34:13\"],\"interfaces\":{\"default\":"
        "{\"address\":\"10.0.0.3\",\"address6\":\"fd00::3\"}}}\n"
        "node n4 {\"macs\":[\"52:54:00:12:34:04\"]}\n");
    EXPECT_EQ(ignored_of(imported), "hosts:3: '12h' of n2 is not used");
    EXPECT_THAT(imported->named_groups, ElementsAre("gpu"));
}

TEST(ImportDnsmasq, AConfiguration) {
    Result<Imported> imported = read("interface=eth0\n"
                                     "dhcp-range=10.0.0.0,static\n"
                                     "  dhcp-host = 52:54:00:12:34:01,id:*,10.0.0.1,n1#1\n"
                                     "dhcp-host=\"52:54:00:12:34:02,10.0.0.2,n2\"\n"
                                     "dhcp-host=52:54:00:*:*:*,ignore\n"
                                     "dhcp-host=52:54:00:12:34:09,10.0.0.9\n"
                                     "dhcp-host=52:54:00:12:34:*,n5\n"
                                     "no-resolv\n");
    EXPECT_THAT(error_of(imported), HasSubstr("hosts:3: invalid node name \"n1#1\""));
    imported = read("interface=eth0\n"
                    "dhcp-host=52:54:00:12:34:02,10.0.0.2,n2\n"
                    "dhcp-host=52:54:00:*:*:*,ignore\n"
                    "dhcp-host=52:54:00:12:34:09,10.0.0.9\n"
                    "dhcp-host=52:54:00:12:34:*,id:7,n5\n"
                    "no-resolv\n");
    EXPECT_EQ(ignored_of(imported), "hosts:1: the option interface describes no host\n"
                                    "hosts:3: a host that gets no address: 52:54:00:*:*:*,ignore\n"
                                    "hosts:4: a host without a name is no node: 52:54:00:12:34:09,10.0.0.9\n"
                                    "hosts:5: '52:54:00:12:34:*' of n5 is not used\n"
                                    "hosts:5: 'id:7' of n5 is not used\n"
                                    "hosts:6: the option no-resolv describes no host");
}

TEST(ImportDnsmasq, ErrorsNameTheLine) {
    EXPECT_EQ(error_of(read("\nn1,n2\n")), "hosts:2: two names: 'n1' and 'n2'");
    EXPECT_EQ(error_of(read("10.0.0.1,10.0.0.2,n1\n")), "hosts:1: two addresses: 10.0.0.1 and 10.0.0.2");
}

} // namespace
