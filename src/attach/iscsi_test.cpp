#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "attach/attach.h"
#include "system/fake/iscsi_transport.h"
#include "system/fake/network.h"
#include "system/fake/system.h"

namespace mangrove {
namespace {

using testing::Contains;
using testing::HasSubstr;
using testing::Not;

constexpr std::string_view kDiskType = "0\n";
constexpr std::string_view kControllerType = "12\n";

/// A machine with a network and a target, whose LUNs are there as soon as it is logged in and become disks a
/// moment later.
struct Machine {
    struct Lun {
        uint64_t kernel_number;
        std::string_view type = kDiskType;
        std::string size = "32768\n";
    };

    explicit Machine(Transcript& transcript) : system(transcript), network(system), transport(transcript) {
        system.use(transport);
        system.add_file("/sys/class/dmi/id/product_uuid", "11223344-5566-7788-99AA-BBCCDDEEFF00\n");
        network.listen(*IpAddress::parse("192.0.2.10"), 3260);
        network.listen(*IpAddress::parse("2001:db8::10"), 3260);
        network.add_host("storage.example", {*IpAddress::parse("2001:db8::10")});
        transport.when_started = [this](IscsiSessionNumber number) { add_units(number); };
        transport.when_destroyed = [this](IscsiSessionNumber number) {
            system.remove(text("/sys/class/iscsi_session/session", number.id));
        };
        wanted.target = transport.target.name;
        wanted.host = "192.0.2.10";
        wanted.lun = 2;
    }

    void add_units(IscsiSessionNumber number) {
        system.add_file(text("/sys/class/scsi_host/host", number.host, "/scan"), "");
        system.add_directory(text("/sys/class/iscsi_session/session", number.id, "/device"));
        std::string target =
            text("/sys/class/iscsi_session/session", number.id, "/device/target", number.host, ":0:0/");
        char letter = 'a';
        for (const Lun& lun : luns) {
            std::string unit = text(target, number.host, ":0:0:", lun.kernel_number);
            std::string disk = text("sd", letter++);
            system.add_file(unit + "/type", std::string(lun.type));
            system.add_file(unit + "/delete", "");
            if (lun.type != kDiskType) continue;
            system.after(milliseconds(3),
                         [this, unit, disk] { system.add_directory(unit + "/block/" + disk); });
            system.after(milliseconds(5), [this, lun, disk] { add_disk(disk, lun.size); });
        }
    }
    void add_disk(const std::string& disk, const std::string& size) {
        system.add_disk("/dev/" + disk, {"ext4", "", ""});
        system.add_file(text("/sys/block/", disk, "/size"), size);
        system.add_file(text("/sys/block/", disk, "/queue/scheduler"), schedulers);
        system.add_file(text("/sys/block/", disk, "/device/queue_depth"), "16\n");
    }
    Result<std::string> attach() { return mangrove::attach(boot, wanted, undo); }
    std::string error() {
        Result<std::string> device = attach();
        return device ? "no error" : describe(device.error());
    }
    const std::vector<std::string>& lines() { return system.transcript().lines(); }

    FakeSystem system;
    Boot boot{system};
    FakeNetwork network;
    FakeIscsiTransport transport;
    definition::Iscsi wanted;
    std::vector<Lun> luns = {{0, kControllerType}, {2}, {10}, {0x4000 | 300}};
    std::string schedulers = "[none] mq-deadline\n";
    Undo undo;
};

class AttachIscsi : public testing::Test {
  protected:
    Transcript transcript_;
    Machine machine_{transcript_};
};

TEST_F(AttachIscsi, YieldsTheDiskOfTheLun) {
    Result<std::string> device = machine_.attach();
    ASSERT_TRUE(device) << device.error().what;
    EXPECT_EQ(*device, "/dev/sdb");
    EXPECT_THAT(machine_.lines(), Contains("writing '0 0 2' to /sys/class/scsi_host/host2/scan"));
    EXPECT_THAT(machine_.lines(), Not(Contains(HasSubstr("'- - -'"))));
    EXPECT_EQ(machine_.system.loaded_modules()[0], "crypto-crc32c");
    EXPECT_EQ(machine_.system.loaded_modules()[1], "iscsi_tcp");
    EXPECT_EQ(machine_.system.file("/sys/block/sdb/queue/scheduler"), "mq-deadline");
    EXPECT_EQ(machine_.transport.parameters().at(IscsiParameter::initiator_name),
              "iqn.2026-11.org.mangrove:11223344-5566-7788-99aa-bbccddeeff00");
}

TEST_F(AttachIscsi, DoesNotTakeLun2ForLun10) {
    machine_.luns = {{10}, {1}, {2}, {20}};
    machine_.wanted.lun = 10;
    EXPECT_EQ(*machine_.attach(), "/dev/sda");
    EXPECT_THAT(machine_.lines(), Contains(HasSubstr("writing '0 0 10' to")));
}

TEST_F(AttachIscsi, FindsALunInTheFlatSpaceAndOneThatIsNot) {
    machine_.wanted.lun = 300;
    EXPECT_EQ(*machine_.attach(), "/dev/sdd");
    machine_.undo.run();
    machine_.luns = {{300}};
    EXPECT_EQ(*machine_.attach(), "/dev/sda");
}

TEST_F(AttachIscsi, SaysWhichLunsThereAre) {
    machine_.wanted.lun = 7;
    EXPECT_EQ(machine_.error(), "target iqn.2026-11.org.example:image has no LUN 7; it has LUNs 2, 10, 300");
    machine_.undo.run();
    machine_.wanted.lun = 0;
    EXPECT_THAT(machine_.error(),
                HasSubstr("LUN 0 of iqn.2026-11.org.example:image is not a disk (SCSI type 12); it has "
                          "LUNs 2, 10, 300"));
    machine_.undo.run();
    machine_.luns = {{1}};
    EXPECT_THAT(machine_.error(), HasSubstr("has no LUN 0; it has LUN 1"));
    machine_.undo.run();
    machine_.luns = {};
    EXPECT_THAT(machine_.error(), HasSubstr("has no LUN 0; it has no disks"));
}

TEST_F(AttachIscsi, RefusesADiskWithoutAMedium) {
    machine_.luns = {{.kernel_number = 2, .size = "0\n"}};
    EXPECT_THAT(machine_.error(),
                HasSubstr("LUN 2 of iqn.2026-11.org.example:image has no medium (its size is 0)"));
}

TEST_F(AttachIscsi, WaitsForTheDiskButNotForEver) {
    Time start = machine_.system.now();
    ASSERT_TRUE(machine_.attach());
    EXPECT_LT(machine_.system.now() - start, milliseconds(10));

    Transcript transcript;
    Machine slow(transcript);
    slow.transport.when_started = [&slow](IscsiSessionNumber number) {
        slow.system.add_file(text("/sys/class/scsi_host/host", number.host, "/scan"), "");
        slow.system.add_file("/sys/class/iscsi_session/session1/device/target2:0:0/2:0:0:2/type", "0\n");
    };
    Result<std::string> device = slow.attach();
    ASSERT_FALSE(device);
    EXPECT_EQ(device.error().what, "the disk of LUN 2 did not appear within 10 s");
    EXPECT_TRUE(device.error().is_transient());
}

TEST_F(AttachIscsi, LeavesASchedulerThatIsActive) {
    machine_.schedulers = "none [mq-deadline]\n";
    ASSERT_TRUE(machine_.attach());
    EXPECT_THAT(machine_.lines(), Not(Contains(HasSubstr("/queue/scheduler'"))));
    EXPECT_EQ(machine_.system.file("/sys/block/sdb/queue/scheduler"), "none [mq-deadline]\n");
}

TEST_F(AttachIscsi, GoesOnWithoutASchedulerThatTheKernelLacks) {
    machine_.wanted.scheduler = "bfq";
    machine_.system.add_missing_module("bfq-iosched");
    EXPECT_EQ(*machine_.attach(), "/dev/sdb");
    EXPECT_EQ(machine_.system.file("/sys/block/sdb/queue/scheduler"), "[none] mq-deadline\n");
}

TEST_F(AttachIscsi, SetsTheQueueDepth) {
    machine_.wanted.queue_depth = 64;
    ASSERT_TRUE(machine_.attach());
    EXPECT_EQ(machine_.system.file("/sys/block/sdb/device/queue_depth"), "64");
    EXPECT_THAT(machine_.lines(), Contains("creating an iSCSI session, 128 commands, depth 64"));
}

TEST_F(AttachIscsi, TriesTheHostBeforeThePortals) {
    machine_.wanted.host = "192.0.2.99";
    machine_.wanted.portals = {{"storage.example", 3260}};
    ASSERT_TRUE(machine_.attach());
    EXPECT_EQ(machine_.transport.parameters().at(IscsiParameter::persistent_address), "2001:db8::10");
}

TEST_F(AttachIscsi, TakesTheInitiatorOfTheDefinition) {
    machine_.wanted.initiator = "iqn.2003-01.org.linux-iscsi.localhost:888";
    ASSERT_TRUE(machine_.attach());
    EXPECT_EQ(machine_.transport.parameters().at(IscsiParameter::initiator_name),
              "iqn.2003-01.org.linux-iscsi.localhost:888");
}

TEST_F(AttachIscsi, DerivesTheInitiatorFromTheCardWhereTheUuidIsNone) {
    for (std::string uuid :
         {"", "Not Settable", "00000000-0000-0000-0000-000000000000", "FFFFFFFF-FFFF-FFFF-FFFF-FFFFFFFFFFFF",
          "03000200-0400-0500-0006-000700080009"}) {
        Transcript transcript;
        Machine machine(transcript);
        machine.system.add_file("/sys/class/dmi/id/product_uuid", uuid + "\n");
        machine.system.add_file("/sys/class/net/br0/address", "02:00:00:00:00:01\n");
        machine.system.add_file("/sys/class/net/eth0/address", "52:54:00:AA:BB:01\n");
        machine.system.add_directory("/sys/class/net/eth0/device");
        ASSERT_TRUE(machine.attach());
        EXPECT_EQ(machine.transport.parameters().at(IscsiParameter::initiator_name),
                  "iqn.2026-11.org.mangrove:525400aabb01");
    }
}

TEST_F(AttachIscsi, SaysSoWhenThereIsNothingToDeriveTheInitiatorFrom) {
    machine_.system.add_file("/sys/class/dmi/id/product_uuid", "\n");
    machine_.system.add_directory("/sys/class/net/lo");
    EXPECT_THAT(machine_.error(), HasSubstr("set 'initiator'"));
}

TEST_F(AttachIscsi, LooksForTheTargetWhenNoneIsNamed) {
    machine_.wanted.target.clear();
    EXPECT_THAT(machine_.error(), HasSubstr("looking for targets at 192.0.2.10:3260: the server closed"));
    EXPECT_EQ(machine_.transport.session_count(), 0U);
}

TEST_F(AttachIscsi, IsUndoneWhole) {
    ASSERT_TRUE(machine_.attach());
    ASSERT_EQ(machine_.boot.connections.size(), 1U);
    EXPECT_EQ(machine_.boot.connections[0]->name(), "iSCSI target " + machine_.transport.target.name);
    machine_.undo.run();
    EXPECT_TRUE(machine_.boot.connections.empty());
    EXPECT_EQ(machine_.transport.session_count(), 0U);
    const std::string tail[] = {
        "writing '1' to /sys/class/iscsi_session/session1/device/target2:0:0/2:0:0:16684/delete",
        "sending a PDU of the iSCSI session 1",
        "waiting for the iSCSI target",
        "stopping the connection of the iSCSI session 1",
        "destroying the connection of the iSCSI session 1",
        "destroying the iSCSI session 1"};
    auto first = machine_.lines().end() - std::ssize(tail);
    EXPECT_TRUE(std::equal(std::begin(tail), std::end(tail), first)) << transcript_.to_text();
}

TEST_F(AttachIscsi, IsReleasedByWhoDidNotAttachIt) {
    ASSERT_TRUE(machine_.attach());
    machine_.undo.keep();
    machine_.system.add_file("/sys/class/iscsi_connection/connection1:0/exp_statsn", "42\n");
    ASSERT_TRUE(release(machine_.system, Attached<definition::Iscsi>()));
    EXPECT_EQ(machine_.transport.session_count(), 0U);
    EXPECT_THAT(machine_.lines(), Contains(HasSubstr("/2:0:0:2/delete")));
    EXPECT_THAT(machine_.lines(), Contains("sending a PDU of the iSCSI session 1"));
}

TEST_F(AttachIscsi, IsReleasedByItsDisk) {
    ASSERT_TRUE(machine_.attach());
    machine_.undo.keep();
    machine_.system.add_file("/sys/class/iscsi_connection/connection1:0/exp_statsn", "42\n");
    machine_.system.add_link("/sys/block/sdx",
                             "../devices/platform/host3/session2/target3:0:0/3:0:0:1/block/sdx");
    machine_.system.add_link("/sys/block/sdy",
                             "../devices/platform/host2/session1/target2:0:0/2:0:0:1/block/sdy");
    for (const char* other : {"/dev/sdx", "/dev/vda", "/dev/loop0"}) {
        ASSERT_TRUE(release_device(machine_.system, other));
        EXPECT_EQ(machine_.transport.session_count(), 1U) << other;
    }
    ASSERT_TRUE(release_device(machine_.system, "/dev/sdy"));
    EXPECT_EQ(machine_.transport.session_count(), 0U);
}

TEST_F(AttachIscsi, ReadsFailSoonWhileNobodyMakesTheConnectionAnew) {
    machine_.wanted.replacement_timeout = 7200;
    ASSERT_TRUE(machine_.attach());
    EXPECT_EQ(machine_.transport.parameters().at(IscsiParameter::recovery_timeout), "10");
    ASSERT_TRUE(machine_.boot.connections.front()->be_patient(machine_.system));
    EXPECT_EQ(machine_.transport.parameters().at(IscsiParameter::recovery_timeout), "7200");
}

TEST_F(AttachIscsi, LeavesNothingBehindWhereverItFails) {
    ASSERT_TRUE(machine_.attach());
    const std::vector<std::string> steps = machine_.lines();
    auto is_tolerated = [](const std::string& step) {
        return step == "loading the module crypto-crc32c" || step.find("product_uuid") != std::string::npos
               || step == "reading /proc/cmdline" || step.find("scheduler") != std::string::npos
               || step.find("-iosched") != std::string::npos || step.find("queue_depth") != std::string::npos;
    };
    for (size_t step = 0; step < steps.size(); ++step) {
        Transcript transcript;
        transcript.fail_at(step);
        Machine machine(transcript);
        machine.system.add_file("/sys/class/net/eth0/address", "52:54:00:aa:bb:01\n");
        machine.system.add_directory("/sys/class/net/eth0/device");
        Result<std::string> device = machine.attach();
        EXPECT_EQ(device.has_value(), is_tolerated(steps[step])) << steps[step];
        EXPECT_THAT(device ? steps[step] : describe(device.error()), HasSubstr(steps[step]));
        machine.undo.run();
        EXPECT_EQ(machine.transport.session_count(), 0U) << steps[step];
    }
}

} // namespace
} // namespace mangrove
