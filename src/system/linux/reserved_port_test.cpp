#include "system/linux/reserved_port.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <set>
#include <sys/socket.h>

#include "base/unique_fd.h"
#include "system/fake/neighbour.h"

namespace mangrove {
namespace {

UniqueFd new_socket(int family, int type = SOCK_STREAM) {
    return UniqueFd(::socket(family, type | SOCK_CLOEXEC, 0));
}

/// The port that a socket is bound to, or 0. IPv6 has it at the same place.
uint16_t port_of(const UniqueFd& socket) {
    sockaddr_in6 address = {};
    socklen_t size = sizeof address;
    EXPECT_EQ(::getsockname(socket.get(), reinterpret_cast<sockaddr*>(&address), &size), 0);
    return ntohs(address.sin6_port);
}

class ReservedPort : public testing::Test {
  protected:
    void SetUp() override {
        if (!enter_network_namespace()) GTEST_SKIP() << "a reserved port takes root";
        ASSERT_TRUE(run_command("ip link set lo up"));
    }
};

TEST_F(ReservedPort, IsOneOfBothFamiliesAndEachTimeAnother) {
    for (int family : {AF_INET, AF_INET6}) {
        std::set<uint16_t> ports;
        for (int times = 0; times < 8; ++times) {
            UniqueFd socket = new_socket(family);
            bind_reserved_port(socket.get());
            ports.insert(port_of(socket));
        }
        EXPECT_GT(ports.size(), 1u);
        EXPECT_GE(*ports.begin(), 600);
        EXPECT_LT(*ports.rbegin(), 1024);
    }
}

TEST_F(ReservedPort, IsOnlyForTcp) {
    UniqueFd datagrams = new_socket(AF_INET, SOCK_DGRAM);
    bind_reserved_port(datagrams.get());
    EXPECT_EQ(port_of(datagrams), 0);
}

/// A connection to a server that closes last, so that the end of this side waits (TIME_WAIT).
uint16_t port_after_a_connection(const UniqueFd& listener, const sockaddr_in& server) {
    UniqueFd client = new_socket(AF_INET);
    bind_reserved_port(client.get());
    EXPECT_EQ(::connect(client.get(), reinterpret_cast<const sockaddr*>(&server), sizeof server), 0);
    UniqueFd accepted(::accept(listener.get(), nullptr, nullptr));
    uint16_t port = port_of(client);
    client.reset();
    char end = 0;
    EXPECT_EQ(::recv(accepted.get(), &end, 1, 0), 0);
    return port;
}

TEST_F(ReservedPort, IsNotThatOfAConnectionThatHasJustEnded) {
    UniqueFd listener = new_socket(AF_INET);
    ASSERT_EQ(::listen(listener.get(), 8), 0);
    sockaddr_in server = {};
    socklen_t size = sizeof server;
    ASSERT_EQ(::getsockname(listener.get(), reinterpret_cast<sockaddr*>(&server), &size), 0);
    server.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    // Takes every port once: one that was taken twice would fail to connect, as its first connection to this
    // server is still remembered.
    std::set<uint16_t> ports;
    for (int times = 0; times < 424; ++times)
        ports.insert(port_after_a_connection(listener, server));
    EXPECT_EQ(ports.size(), 424u);
    EXPECT_GE(port_after_a_connection(listener, server), 1024);
}

TEST_F(ReservedPort, CanStillBeListenedOn) {
    UniqueFd client = new_socket(AF_INET);
    bind_reserved_port(client.get());
    UniqueFd server = new_socket(AF_INET);
    int on = 1;
    ASSERT_EQ(::setsockopt(server.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on), 0);
    sockaddr_in address = {};
    address.sin_family = AF_INET;
    address.sin_port = htons(port_of(client));
    EXPECT_EQ(::bind(server.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    EXPECT_EQ(::listen(server.get(), 1), 0);
}

} // namespace
} // namespace mangrove
