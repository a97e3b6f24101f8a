#include "net/running_network.h"

#include <gtest/gtest.h>

#include "system/fake/network.h"

namespace mangrove {
namespace {

struct RunningNetwork : testing::Test {
    RunningNetwork() {
        system.add_file("/proc/sys/kernel/hostname", "node7\n");
        for (const char* name : {"eth0", "eth1", "eth2"})
            network.add_card(name, mac_of(name));
    }
    static MacAddress mac_of(const std::string& name) {
        return *MacAddress::parse(text("52:54:00:12:34:0", name.back()));
    }
    void configure(const std::string& name, const std::string& address) {
        network.add_address_before(name, {.address = *IpAddress::parse(address), .prefix_length = 24});
        std::vector<Link> links = network.links().value();
        auto link = std::ranges::find(links, name, &Link::name);
        ASSERT_TRUE(network.set_link_state(*link, LinkState::up));
    }
    Result<NetworkConfiguration> look(const std::string& command_line) {
        return running_network(system, KernelCommandLine::parse(command_line));
    }

    Transcript transcript;
    FakeSystem system{transcript};
    FakeNetwork network{system};
};

TEST_F(RunningNetwork, IsThatOfTheLinksWithAddresses) {
    configure("eth0", "192.0.2.10");
    configure("eth2", "198.51.100.10");
    Result<NetworkConfiguration> found = look("quiet");
    ASSERT_TRUE(found) << describe(found.error());
    ASSERT_EQ(found->links.size(), 2u);
    EXPECT_EQ(found->first().link.name, "eth0");
    EXPECT_EQ(found->first().addresses[0].to_text(), "192.0.2.10/24");
    EXPECT_TRUE(found->first().is_found);
    EXPECT_EQ(found->host_name, "node7");
    EXPECT_TRUE(found->name_servers.empty());
    EXPECT_EQ(look("BOOTIF=01-52-54-00-12-34-02").value().first().link.name, "eth2");
}

TEST_F(RunningNetwork, HasTheNameServersOfAFile) {
    configure("eth0", "192.0.2.10");
    system.add_file("/etc/resolv.conf", "# ours\nsearch a.example b.example\nnameserver 192.0.2.53\n");
    NetworkConfiguration found = look("quiet").value();
    EXPECT_EQ(found.search, (std::vector<std::string>{"a.example", "b.example"}));
    EXPECT_EQ(found.name_servers, (std::vector<IpAddress>{*IpAddress::parse("192.0.2.53")}));
    // A resolver is its own name server.
    system.remove("/etc/resolv.conf");
    system.add_link("/etc/resolv.conf", "/run/systemd/resolve/stub-resolv.conf");
    EXPECT_TRUE(look("quiet").value().name_servers.empty());
}

TEST_F(RunningNetwork, NeedsAnAddress) {
    EXPECT_EQ(look("quiet").error().what, "no network link has an address");
}

} // namespace
} // namespace mangrove
