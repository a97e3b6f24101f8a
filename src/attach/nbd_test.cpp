#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "attach/attach.h"
#include "system/fake_nbd_devices.h"
#include "system/fake_network.h"
#include "system/fake_system.h"

namespace mangrove {
namespace {

using testing::HasSubstr;

/// What a server says that has one export of 1 MiB, with these transmission flags.
Bytes handshake(uint8_t high_flags, uint8_t low_flags) {
    std::string said = "NBDMAGICIHAVEOPT";
    said.append("\0\3", 2);
    const std::string reply("\0\3\xe8\x89\4\x55\x65\xa9\0\0\0\7", 12);
    said += reply + std::string("\0\0\0\3\0\0\0\14\0\0\0\0\0\0\0\x10\0\0", 18)
            + std::string{static_cast<char>(high_flags), static_cast<char>(low_flags)};
    said += reply + std::string("\0\0\0\1\0\0\0\0", 8);
    return Bytes(said.begin(), said.end());
}

struct Machine {
    Machine() {
        system.use(devices);
        network.add_host("storage.example",
                         {*IpAddress::parse("192.0.2.9"), *IpAddress::parse("192.0.2.10")});
        network.listen(*IpAddress::parse("192.0.2.10"), 10809);
        devices.said = handshake(0, 3);
        devices.when_connected = [this](uint32_t) {
            is_connected = true;
            system.after(milliseconds(2), [this] { system.add_disk("/dev/nbd3", {"squashfs", "", ""}); });
        };
        devices.when_disconnected = [this](uint32_t) { is_connected = false; };
        wanted.host = "storage.example";
        wanted.export_name = "root";
    }
    Result<std::string> attach() { return attach_nbd(system, {wanted, "mount.attach"}, undo); }

    Transcript transcript;
    FakeSystem system{transcript};
    FakeNetwork network{system};
    FakeNbdDevices devices{transcript};
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
    EXPECT_GT(machine.devices.request.dead_timeout, seconds(0));
    machine.undo.run();
    EXPECT_FALSE(machine.is_connected);
}

TEST(Nbd, OpensSeveralConnectionsWhereTheServerTakesThem) {
    Machine machine;
    machine.wanted.connections = 4;
    machine.devices.said = handshake(1, 3);
    ASSERT_TRUE(machine.attach());
    EXPECT_EQ(machine.devices.connections, 4u);
    Machine single;
    single.wanted.connections = 4;
    ASSERT_TRUE(single.attach());
    EXPECT_EQ(single.devices.connections, 1u);
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

} // namespace
} // namespace mangrove
