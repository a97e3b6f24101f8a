#include <cerrno>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "attach/attach.h"
#include "attach/rbd_map_line.h"
#include "system/fake/network.h"
#include "system/fake/system.h"

namespace mangrove {
namespace {

using testing::HasSubstr;
using testing::Not;

/// A machine whose krbd maps one image, as device 1: device 0 is somebody else's.
struct Machine {
    Machine() {
        network.add_host("mon.example", {*IpAddress::parse("192.0.2.1"), *IpAddress::parse("2001:db8::1")});
        system.add_directory("/sys/bus/rbd/devices/0");
        system.add_file("/sys/bus/rbd/add_single_major", "");
        system.add_file("/sys/bus/rbd/remove_single_major", "");
        system.when_written("/sys/bus/rbd/add_single_major", [this](std::string_view) { return map(); });
        system.when_written("/sys/bus/rbd/remove_single_major", [this](std::string_view number) -> Result<> {
            system.remove(text("/sys/bus/rbd/devices/", number));
            return {};
        });
        wanted.monitors = {{"mon.example", std::nullopt}};
        wanted.pool = "rbd";
        wanted.image = "image1";
        wanted.secret = "QVFBAAAA";
    }

    Result<> map() {
        key_at_map = system.key();
        if (refusal != 0) {
            for (const std::string& line : messages)
                system.add_kernel_message(line);
            return system_error(refusal, "mapping");
        }
        system.add_directory("/sys/bus/rbd/devices/1");
        system.after(milliseconds(2), [this] { system.add_disk("/dev/rbd1", {"squashfs", "", ""}); });
        return {};
    }
    Result<std::string> attach() { return mangrove::attach(boot, wanted, undo); }
    std::string error() {
        Result<std::string> device = attach();
        return device ? "no error" : describe(device.error());
    }
    bool is_mapped() { return system.path_kind("/sys/bus/rbd/devices/1") != PathKind::missing; }

    Transcript transcript;
    FakeSystem system{transcript};
    Boot boot{system};
    FakeNetwork network{system};
    definition::Rbd wanted;
    int refusal = 0;
    std::vector<std::string> messages;
    std::optional<KernelKey> key_at_map;
    Undo undo;
};

std::string line_of(const definition::Rbd& wanted) {
    MonitorAddress first = {*IpAddress::parse("192.0.2.1"), 6789};
    MonitorAddress second = {*IpAddress::parse("2001:db8::1"), 3300};
    return rbd_map_line(wanted, {first, second}).value();
}

TEST(RbdMapLine, IsThatOfTheKernel) {
    definition::Rbd wanted;
    wanted.pool = "rbd";
    wanted.image = "image1";
    constexpr std::string_view kMonitors = "192.0.2.1:6789,[2001:db8::1]:3300 ";
    EXPECT_EQ(line_of(wanted), text(kMonitors, "name=admin,mount_timeout=15,ro rbd image1 -"));
    wanted.user = "node";
    wanted.secret = "c2VjcmV0";
    wanted.snapshot = "v2";
    wanted.pool_namespace = "cluster7";
    wanted.options = {{"ms_mode", "crc"}, {"rw", ""}, {"mount_timeout", "3"}};
    EXPECT_EQ(line_of(wanted), text(kMonitors, "name=node,key=client.node,_pool_ns=cluster7,ms_mode=crc,rw,"
                                               "mount_timeout=3 rbd image1 v2"));
}

TEST(RbdMapLine, HasThePortOfTheProtocol) {
    definition::Rbd wanted;
    EXPECT_EQ(default_monitor_port(wanted), 6789);
    wanted.options = {{"ms_mode", "legacy"}};
    EXPECT_EQ(default_monitor_port(wanted), 6789);
    wanted.options = {{"ms_mode", "prefer-secure"}};
    EXPECT_EQ(default_monitor_port(wanted), 3300);
}

TEST(RbdMapLine, SaysHowLongTheMonitorsMayTake) {
    definition::Rbd wanted;
    EXPECT_EQ(rbd_monitor_timeout(wanted), seconds(15));
    wanted.options = {{"mount_timeout", "3"}};
    EXPECT_EQ(rbd_monitor_timeout(wanted), seconds(3));
    wanted.options = {{"mount_timeout", "0"}};
    EXPECT_GT(rbd_monitor_timeout(wanted), std::chrono::hours(24));
}

TEST(RbdMapLine, MustFitIntoAPage) {
    definition::Rbd wanted;
    wanted.image = std::string(4096, 'i');
    EXPECT_FALSE(rbd_map_line(wanted, {}));
}

TEST(Rbd, FeaturesHaveNames) {
    EXPECT_EQ(rbd_feature_names(0x240), "journaling, migrating");
    EXPECT_EQ(rbd_feature_names(0x10000), "bit 16");
}

TEST(Rbd, MapsTheImageAndFindsItsDevice) {
    Machine machine;
    Result<std::string> device = machine.attach();
    ASSERT_TRUE(device) << describe(device.error());
    EXPECT_EQ(*device, "/dev/rbd1");
    EXPECT_EQ(
        machine.system.file("/sys/bus/rbd/add_single_major"),
        "192.0.2.1:6789,[2001:db8::1]:6789 name=admin,key=client.admin,mount_timeout=15,ro rbd image1 -");
    machine.undo.run();
    EXPECT_FALSE(machine.is_mapped());
    EXPECT_EQ(machine.system.path_kind("/sys/bus/rbd/devices/0"), PathKind::directory);
}

TEST(Rbd, ADeviceThatUdevHasOpenIsUnmappedWhenItIsClosed) {
    Machine machine;
    ASSERT_TRUE(machine.attach());
    int refusals = 3;
    machine.system.when_written("/sys/bus/rbd/remove_single_major", [&](std::string_view number) -> Result<> {
        if (refusals-- > 0) return system_error(EBUSY, "unmapping");
        machine.system.remove(text("/sys/bus/rbd/devices/", number));
        return {};
    });
    machine.undo.run();
    EXPECT_FALSE(machine.is_mapped());
}

TEST(Rbd, ADeviceThatWaitsForItsOsdIsUnmappedWhenThatHasAnswered) {
    Machine machine;
    ASSERT_TRUE(machine.attach());
    std::string last;
    machine.system.when_written("/sys/bus/rbd/remove_single_major", [&](std::string_view value) -> Result<> {
        last = value;
        return system_error(value.ends_with(" force") ? ETIME : EBUSY, "unmapping");
    });
    machine.undo.run();
    EXPECT_EQ(last, "1 force");
}

TEST(Rbd, ANumberThatIsFreeAgainIsThatOfTheNewDevice) {
    Machine machine;
    machine.system.add_directory("/sys/bus/rbd/devices/1");
    machine.system.add_file("/sys/block/rbd1/diskseq", "7\n");
    machine.system.when_written("/sys/bus/rbd/add_single_major", [&](std::string_view) {
        machine.system.add_file("/sys/block/rbd1/diskseq", "8\n");
        return machine.map();
    });
    EXPECT_EQ(machine.attach(), "/dev/rbd1");
    machine.undo.run();
    EXPECT_FALSE(machine.is_mapped());
}

TEST(Rbd, TheKeyIsThereWhileTheImageIsMappedAndNowhereElse) {
    Machine machine;
    ASSERT_TRUE(machine.attach());
    ASSERT_TRUE(machine.key_at_map);
    EXPECT_EQ(machine.key_at_map->type, "ceph");
    EXPECT_EQ(machine.key_at_map->description, "client.admin");
    EXPECT_EQ(machine.key_at_map->payload, (Bytes{'A', 'Q', 'A', 0, 0, 0}));
    EXPECT_FALSE(machine.system.key());
    for (const std::string& line : machine.transcript.lines())
        EXPECT_THAT(line, Not(HasSubstr(machine.wanted.secret)));
}

TEST(Rbd, SaysWhatTheErrnoMeans) {
    struct Row {
        int code;
        std::vector<std::string> messages;
        std::string expected;
        bool is_transient;
    };
    const Row rows[] = {
        {ENOENT, {}, "image 'image1' not found in pool 'rbd', or there is no such pool", false},
        {EACCES, {}, "the cluster refused client.admin: wrong key, or no permission for pool 'rbd'", false},
        {ENXIO,
         {"<4>[    4.1] rbd: image image1: image uses unsupported features: 0x40"},
         "the image uses features that this kernel does not support: journaling",
         false},
        {ETIMEDOUT, {}, "no monitor answered (mount_timeout)", true},
        {ETIME, {}, "the monitors answer, but no OSD that holds the image does", true},
        {EKEYREJECTED, {}, "options.secret is not a CephX key: it is damaged", false},
        {EINVAL, {"<3>[    4.1] libceph: bad option at 'x'"}, "libceph: bad option at 'x'", false},
    };
    for (const Row& row : rows) {
        Machine machine;
        machine.system.add_kernel_message("<3>[    1.0] libceph: of an earlier try");
        machine.refusal = row.code;
        machine.messages = row.messages;
        Result<std::string> device = machine.attach();
        ASSERT_FALSE(device);
        EXPECT_TRUE(device.error().what.starts_with(row.expected)) << device.error().what;
        EXPECT_EQ(device.error().is_transient(), row.is_transient) << row.expected;
    }
}

TEST(Rbd, AKeyThatIsNoneIsRefusedWithoutBeingShown) {
    Machine machine;
    machine.wanted.secret = "hunter2!";
    EXPECT_THAT(machine.error(), HasSubstr("options.secret is not a CephX key: invalid base64"));
    EXPECT_THAT(machine.error(), Not(HasSubstr("hunter2")));
}

TEST(Rbd, LeavesNothingBehindWhereverItFails) {
    Machine whole;
    ASSERT_TRUE(whole.attach());
    const std::vector<std::string> lines = whole.transcript.lines();
    for (size_t step = 0; step < lines.size(); ++step) {
        Machine machine;
        machine.transcript.fail_at(step);
        Result<std::string> device = machine.attach();
        if (!device) {
            EXPECT_THAT(describe(device.error()), HasSubstr(lines[step]));
        }
        machine.undo.run();
        EXPECT_FALSE(machine.is_mapped()) << lines[step];
    }
}

} // namespace
} // namespace mangrove
