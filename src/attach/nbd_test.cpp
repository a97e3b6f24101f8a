#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "attach/attach.h"
#include "system/fake/nbd_devices.h"
#include "system/fake/network.h"
#include "system/fake/system.h"

namespace mangrove {
namespace {

using testing::HasSubstr;

std::string big_endian(uint32_t value) {
    std::string out;
    for (int shift : {24, 16, 8, 0})
        out.push_back(static_cast<char>(value >> shift));
    return out;
}

struct BlockSizes {
    uint32_t minimum = 1;
    uint32_t maximum = 32 << 20;
};

/// Returns the handshake of a server with one export of 1 MiB and these transmission flags.
Bytes handshake(uint8_t high_flags, uint8_t low_flags, BlockSizes sizes = {}) {
    std::string said = "NBDMAGICIHAVEOPT";
    said.append("\0\3", 2);
    const std::string reply("\0\3\xe8\x89\4\x55\x65\xa9\0\0\0\7", 12);
    said += reply + std::string("\0\0\0\3\0\0\0\14\0\0\0\0\0\0\0\x10\0\0", 18)
            + std::string{static_cast<char>(high_flags), static_cast<char>(low_flags)};
    said += reply + big_endian(3) + big_endian(14) + std::string("\0\3", 2) + big_endian(sizes.minimum)
            + big_endian(4096) + big_endian(sizes.maximum);
    said += reply + big_endian(1) + big_endian(0);
    return Bytes(said.begin(), said.end());
}

struct Machine {
    Machine() {
        system.use(devices);
        network.add_host("storage.example",
                         {*IpAddress::parse("192.0.2.9"), *IpAddress::parse("192.0.2.10")});
        network.listen(*IpAddress::parse("192.0.2.10"), 10809,
                       [this](ByteView heard) { return heard.empty() ? greet() : Bytes(); });
        devices.when_connected = [this](uint32_t) {
            is_connected = true;
            system.add_file("/sys/block/nbd3/queue/max_sectors_kb", "128\n");
            system.after(milliseconds(2), [this] { system.add_disk("/dev/nbd3", {"squashfs", "", ""}); });
        };
        devices.when_disconnected = [this](uint32_t) { is_connected = false; };
        wanted.host = "storage.example";
        wanted.export_name = "root";
    }
    /// The server says nothing on the connections after `connections_max`.
    Bytes greet() { return ++connected > connections_max ? Bytes() : said; }
    std::optional<std::string> max_sectors() { return system.file("/sys/block/nbd3/queue/max_sectors_kb"); }
    Result<std::string> attach() { return mangrove::attach(boot, wanted, undo); }

    Transcript transcript;
    FakeSystem system{transcript};
    Boot boot{system};
    FakeNetwork network{system};
    FakeNbdDevices devices{transcript};
    Bytes said = handshake(0, 3);
    size_t connected = 0;
    size_t connections_max = 16;
    definition::Nbd wanted;
    bool is_connected = false;
    Undo undo;
};

TEST(Nbd, GivesTheKernelAConnectionToTheAddressThatAnswers) {
    Machine machine;
    machine.wanted.timeout = seconds(30);
    Result<std::string> device = machine.attach();
    ASSERT_TRUE(device) << describe(device.error());
    EXPECT_EQ(*device, "/dev/nbd3");
    EXPECT_EQ(machine.devices.connections, 1u);
    EXPECT_EQ(machine.devices.request.size, 1u << 20);
    EXPECT_EQ(machine.devices.request.server_flags, 3);
    EXPECT_EQ(machine.devices.request.request_timeout, seconds(30));
    EXPECT_EQ(machine.devices.request.dead_timeout, seconds(10));
    EXPECT_EQ(machine.max_sectors(), "128\n");
    machine.undo.run();
    EXPECT_FALSE(machine.is_connected);
}

TEST(Nbd, OpensSeveralConnectionsWhereTheServerTakesThem) {
    Machine machine;
    machine.wanted.connections = 4;
    machine.said = handshake(1, 3);
    ASSERT_TRUE(machine.attach());
    EXPECT_EQ(machine.devices.connections, 4u);
    Machine single;
    single.wanted.connections = 4;
    ASSERT_TRUE(single.attach());
    EXPECT_EQ(single.devices.connections, 1u);
}

TEST(Nbd, GoesOnWithTheConnectionsThatItGot) {
    Machine machine;
    machine.wanted.connections = 4;
    machine.said = handshake(1, 3);
    machine.connections_max = 2;
    ASSERT_TRUE(machine.attach());
    EXPECT_EQ(machine.devices.connections, 2u);
}

TEST(Nbd, KeepsToTheSizesOfTheServer) {
    Machine machine;
    machine.said = handshake(0, 3, {.minimum = 4096, .maximum = 65536});
    ASSERT_TRUE(machine.attach());
    EXPECT_EQ(machine.devices.request.block_size, 4096u);
    EXPECT_EQ(machine.max_sectors(), "64");

    Machine large;
    large.said = handshake(0, 3, {.minimum = 65536});
    Result<std::string> refused = large.attach();
    ASSERT_FALSE(refused);
    EXPECT_FALSE(refused.error().is_transient());
    EXPECT_EQ(describe(refused.error()),
              "export 'root': the minimum block size is 65536 bytes; the kernel supports at most 4096");

    Machine small;
    small.said = handshake(0, 3, {.maximum = 512});
    EXPECT_THAT(describe(small.attach().error()), HasSubstr("the maximum request size is 512 bytes"));
}

TEST(Nbd, WaitsForALostServerAsLongAsTheDefinitionSaysWhenSomebodyLooksAfterIt) {
    Machine machine;
    machine.wanted.replacement_timeout = 0;
    ASSERT_TRUE(machine.attach());
    EXPECT_EQ(machine.devices.request.dead_timeout, seconds(0));
    Machine patient;
    patient.wanted.replacement_timeout = -1;
    ASSERT_TRUE(patient.attach());
    EXPECT_EQ(patient.devices.request.dead_timeout, seconds(10));
    ASSERT_TRUE(patient.boot.connections.front()->be_patient(patient.system));
    EXPECT_GT(patient.devices.request.dead_timeout, std::chrono::hours(24 * 365));
}

TEST(Nbd, NobodyThereIsTransient) {
    Machine machine;
    machine.wanted.host = "192.0.2.9";
    Result<std::string> device = machine.attach();
    ASSERT_FALSE(device);
    EXPECT_TRUE(device.error().is_transient());
    EXPECT_THAT(describe(device.error()), HasSubstr("192.0.2.9:10809: Connection refused"));
}

TEST(Nbd, LeavesNothingBehindWhereverItFails) {
    Machine whole;
    whole.wanted.host = "192.0.2.10";
    ASSERT_TRUE(whole.attach());
    const std::vector<std::string> lines = whole.transcript.lines();
    for (size_t step = 0; step < lines.size(); ++step) {
        Machine machine;
        machine.wanted.host = "192.0.2.10";
        machine.transcript.fail_at(step);
        Result<std::string> device = machine.attach();
        ASSERT_FALSE(device) << lines[step];
        EXPECT_THAT(describe(device.error()), HasSubstr(lines[step]));
        machine.undo.run();
        EXPECT_FALSE(machine.is_connected) << lines[step];
    }
}

TEST(WatchedNbd, FindsTheConnectionThatDiedBeforeAnybodyListened) {
    constexpr const char* kTwo = "  0: 0A0200C0:0CBC 0A0200C0:2A39 01 x\n"
                                 "  1: 0A0200C0:0CBD 0A0200C0:2A39 01 x\n";
    Machine machine;
    machine.said = handshake(1, 3);
    machine.wanted.connections = 3;
    ASSERT_TRUE(machine.attach());
    machine.system.add_file("/sys/block/nbd3/pid", "77\n");
    machine.system.add_file("/proc/net/tcp", kTwo);
    machine.system.add_file("/proc/net/tcp6", "  0: 0:0CBC 0:2A39 01 x\n");
    std::shared_ptr<WatchedConnection> in_boot = machine.boot.connections.front();
    EXPECT_EQ(in_boot->wait_for_loss(machine.system, machine.system.now()).value(), std::nullopt);
    FakeSystem later{machine.transcript};
    later.use(machine.devices);
    later.add_file("/sys/block/nbd3/pid", "77\n");
    later.add_file("/proc/net/tcp", kTwo + std::string("  2: 0A0200C0:2A39 0A0200C0:0CBD 01 x\n")
                                        + "  3: 0A0200C0:0CBD 0A0200C0:2A39 08 x\n");
    EXPECT_NE(in_boot->wait_for_loss(later, later.now()).value(), std::nullopt);
    later.use(machine.network);
    EXPECT_TRUE(in_boot->reconnect(later)) << "the kernel has no use for a new one";
    EXPECT_EQ(in_boot->wait_for_loss(later, later.now()).value(), std::nullopt)
        << "what is not counted after it reconnected is not to be counted";
}

TEST(WatchedNbd, NeedsNoFurtherConnectionOfAServerThatIsFull) {
    Machine machine;
    machine.said = handshake(1, 3);
    machine.wanted.connections = 3;
    ASSERT_TRUE(machine.attach());
    WatchedConnection& connection = *machine.boot.connections.front();
    machine.devices.dead = 1;
    machine.connections_max = machine.connected + 1;
    machine.system.add_file("/proc/net/tcp", "  0: 0:0CBC 0:2A39 01 x\n  1: 0:0CBD 0:2A39 01 x\n");
    EXPECT_FALSE(connection.reconnect(machine.system));
    machine.devices.dead = 1;
    machine.connections_max = machine.connected + 1;
    machine.system.add_file("/proc/net/tcp6", "  0: 0:0CBC 0:2A39 01 x\n");
    EXPECT_TRUE(connection.reconnect(machine.system));
}

TEST(WatchedNbd, FindsTheServerWithoutItsName) {
    Machine machine;
    ASSERT_TRUE(machine.attach());
    machine.network.add_host("storage.example", {});
    machine.devices.dead = 1;
    EXPECT_TRUE(machine.boot.connections.front()->reconnect(machine.system));
    EXPECT_EQ(machine.devices.dead, 0U);
}

TEST(WatchedNbd, RefusesAnExportThatBeginsWithOtherBytes) {
    auto reconnect_with = [](const std::string& beginning) {
        Machine machine;
        EXPECT_TRUE(machine.attach());
        WatchedConnection& connection = *machine.boot.connections.front();
        machine.system.add_file("/sys/block/nbd3/pid", "77\n");
        machine.system.add_file("/proc/1/root/dev/nbd3", "page");
        EXPECT_TRUE(connection.wait_for_loss(machine.system, machine.system.now()));
        machine.devices.dead = 1;
        std::string reply = big_endian(0x67446698) + std::string(12, '\0') + beginning;
        machine.said.insert(machine.said.end(), reply.begin(), reply.end());
        Result<> reconnected = connection.reconnect(machine.system);
        EXPECT_EQ(machine.devices.dead, reconnected ? 0U : 1U);
        return reconnected ? "reconnected" : reconnected.error().what;
    };
    EXPECT_EQ(reconnect_with("page"), "reconnected");
    EXPECT_EQ(
        reconnect_with("PAGE"),
        "the export holds a different image than at boot; serve the original image or restart the machine");
}

TEST(WatchedNbd, ReplacesTheDeadConnections) {
    Machine machine;
    machine.said = handshake(1, 3);
    machine.wanted.connections = 3;
    ASSERT_TRUE(machine.attach());
    ASSERT_EQ(machine.boot.connections.size(), 1U);
    WatchedConnection& connection = *machine.boot.connections.front();
    machine.system.add_file("/sys/block/nbd3/pid", "77\n");
    EXPECT_EQ(connection.wait_for_loss(machine.system, machine.system.now()).value(), std::nullopt);
    machine.devices.dead = 2;
    EXPECT_NE(connection.wait_for_loss(machine.system, machine.system.now()).value(), std::nullopt);
    EXPECT_TRUE(connection.reconnect(machine.system));
    EXPECT_EQ(machine.devices.dead, 0U);

    machine.devices.dead = 1;
    machine.network.stop_listening(*IpAddress::parse("192.0.2.10"), 10809);
    EXPECT_FALSE(connection.reconnect(machine.system));
    EXPECT_EQ(machine.devices.dead, 1U);

    machine.system.remove("/sys/block/nbd3/pid");
    machine.devices.dead = 0;
    EXPECT_FALSE(connection.wait_for_loss(machine.system, machine.system.now()));
    machine.undo.run();
    EXPECT_TRUE(machine.boot.connections.empty());
}

} // namespace
} // namespace mangrove
