#include <cerrno>
#include <cstring>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "attach/attach.h"
#include "attach/nvme_controller.h"
#include "attach/nvme_discovery.h"
#include "system/fake/network.h"
#include "system/fake/system.h"

namespace mangrove {
namespace {

using testing::HasSubstr;

constexpr const char* kSubsystem = "nqn.2014-08.org.example:images";

/// A machine with a subsystem of two namespaces, whose disks appear a moment after the connection.
struct Machine {
    Machine() {
        system.add_file("/sys/class/dmi/id/product_uuid", "11223344-5566-7788-99AA-BBCCDDEEFF00\n");
        system.add_directory("/sys/class/net/eth0/device");
        system.add_file("/sys/class/net/eth0/address", "52:54:00:12:34:56\n");
        system.add_directory("/sys/block");
        network.add_host("storage.example",
                         {*IpAddress::parse("192.0.2.9"), *IpAddress::parse("192.0.2.10")});
        network.listen(*IpAddress::parse("192.0.2.10"), 4420);
        system.add_device("/dev/nvme-fabrics", [this](std::string_view request) { return connect(request); });
        wanted.host = "storage.example";
        wanted.nqn = kSubsystem;
        wanted.nsid = 2;
    }

    Result<std::string> connect(std::string_view request) {
        requests.emplace_back(request);
        if (refusal != 0) return system_error(refusal, "writing to /dev/nvme-fabrics");
        system.add_file("/sys/class/nvme/nvme3/delete_controller", "");
        system.add_file("/sys/class/nvme/nvme3/dhchap_secret", "DHHC-1:00:hunter2:");
        for (int number : {1, 2}) {
            system.after(milliseconds(number * 3), [this, number] {
                std::string disk = text("nvme3n", number);
                system.add_file("/sys/block/" + disk + "/device/subsysnqn", std::string(kSubsystem) + "\n");
                system.add_file("/sys/block/" + disk + "/nsid", text(number, "\n"));
                system.add_disk("/dev/" + disk, {"ext4", "", ""});
            });
        }
        return "instance=3,cntlid=1";
    }
    Result<std::string> attach() { return mangrove::attach(boot, wanted, undo); }
    std::string error() {
        Result<std::string> device = attach();
        return device ? "no error" : describe(device.error());
    }

    Transcript transcript;
    FakeSystem system{transcript};
    Boot boot{system};
    FakeNetwork network{system};
    definition::Nvme wanted;
    int refusal = 0;
    std::vector<std::string> requests;
    Undo undo;
};

TEST(NvmeController, IsAskedForInTheKernelsWords) {
    NvmeConnection connection = {.address = *IpAddress::parse("2001:db8::1"),
                                 .port = 4421,
                                 .subsystem = "nqn.s",
                                 .host = "nqn.h",
                                 .host_id = "11223344-5566-7788-99aa-bbccddeeff00",
                                 .dhchap_secret = "DHHC-1:00:abc:"};
    EXPECT_EQ(connect_request(connection),
              "transport=tcp,traddr=2001:db8::1,trsvcid=4421,nqn=nqn.s,hostnqn=nqn.h,"
              "hostid=11223344-5566-7788-99aa-bbccddeeff00,nr_io_queues=4,reconnect_delay=2,"
              "ctrl_loss_tmo=-1,dhchap_secret=DHHC-1:00:abc:");
}

TEST(NvmeController, IsNamedByTheAnswer) {
    EXPECT_EQ(controller_number("instance=12,cntlid=1\n").value(), 12u);
    for (const char* bad : {"", "cntlid=1", "instance=", "instance=-1", "instance=99999999999"})
        EXPECT_FALSE(controller_number(bad)) << bad;
}

TEST(Nvme, TriesEveryAddressAndTakesTheNamespaceByItsNumber) {
    Machine machine;
    Result<std::string> device = machine.attach();
    ASSERT_TRUE(device) << describe(device.error());
    EXPECT_EQ(*device, "/dev/nvme3n2");
    ASSERT_EQ(machine.requests.size(), 1u);
    EXPECT_THAT(machine.requests[0], HasSubstr("traddr=192.0.2.10,"));
    EXPECT_THAT(machine.requests[0],
                HasSubstr("hostnqn=nqn.2014-08.org.nvmexpress:uuid:11223344-5566-7788-99aa-bbccddeeff00,"
                          "hostid=11223344-5566-7788-99aa-bbccddeeff00,"));
    machine.undo.run();
    EXPECT_EQ(machine.system.file("/sys/class/nvme/nvme3/delete_controller"), "1");
}

TEST(Nvme, ANamespaceThatIsNotThereIsAnErrorThatListsThose) {
    Machine machine;
    machine.wanted.nsid = 7;
    EXPECT_EQ(machine.error(), "nqn.2014-08.org.example:images has no namespace 7; it has 1, 2");
    machine.undo.run();
    EXPECT_EQ(machine.system.file("/sys/class/nvme/nvme3/delete_controller"), "1");
}

TEST(Nvme, ARefusalIsExplainedAndTellsNoSecret) {
    Machine machine;
    machine.refusal = EIO;
    EXPECT_THAT(machine.error(), HasSubstr("no such subsystem, or it does not allow this host"));
    machine.refusal = EINVAL;
    machine.wanted.dhchap_secret = "DHHC-1:00:hunter2:";
    std::string error = machine.error();
    EXPECT_THAT(error, HasSubstr("CONFIG_NVME_HOST_AUTH"));
    EXPECT_THAT(error, testing::Not(HasSubstr("hunter2")));
}

TEST(Nvme, WithoutAUuidAHostIsKnownByItsCard) {
    for (const char* address :
         {"52:54:00:12:34:56\n",
          "80:00:02:08:fe:80:00:00:00:00:00:00:e4:1d:52:54:00:12:34:56\n"}) { // InfiniBand
        Machine machine;
        machine.system.add_file("/sys/class/dmi/id/product_uuid", "Not Settable\n");
        machine.system.add_file("/sys/class/net/eth0/address", address);
        ASSERT_TRUE(machine.attach());
        EXPECT_THAT(machine.requests[0], HasSubstr("hostid=00000000-0000-8000-8000-525400123456,"));
    }
}

TEST(Nvme, TheHostsNameAndIdentityAreOnePair) {
    constexpr const char* kId = "0a1b2c3d-4e5f-4a6b-8c7d-9e0f1a2b3c4d";
    Machine by_name;
    by_name.wanted.hostnqn = text("nqn.2014-08.org.nvmexpress:uuid:", kId);
    ASSERT_TRUE(by_name.attach());
    EXPECT_THAT(by_name.requests[0], HasSubstr(text("hostid=", kId, ",")));
    Machine by_identity;
    by_identity.wanted.hostid = kId;
    ASSERT_TRUE(by_identity.attach());
    EXPECT_THAT(by_identity.requests[0],
                HasSubstr(text("hostnqn=nqn.2014-08.org.nvmexpress:uuid:", kId, ",")));
}

/// A page of a discovery log with one entry for each subsystem.
std::string discovery_log(const std::vector<NvmeSubsystem>& subsystems) {
    std::string page(1024, '\0');
    page[8] = static_cast<char>(subsystems.size());
    for (const NvmeSubsystem& subsystem : subsystems) {
        std::string entry(1024, '\0');
        entry[0] = 3; // TCP
        entry[2] = 2; // a subsystem of NVMe
        std::string port = std::to_string(subsystem.port);
        entry.replace(32, 32, port + std::string(32 - port.size(), ' '));
        entry.replace(256, subsystem.name.size(), subsystem.name);
        entry.replace(512, subsystem.host.size(), subsystem.host);
        page += entry;
    }
    return page;
}

TEST(NvmeDiscovery, ListsTheSubsystemsOverTcp) {
    const std::vector<NvmeSubsystem> subsystems = {{"nqn.a", "192.0.2.9", 4420},
                                                   {"nqn.b", "2001:db8::1", 4421}};
    std::string page = discovery_log(subsystems);
    EXPECT_EQ(subsystems_in(page), subsystems);
    page[1024] = 1; // RDMA
    EXPECT_THAT(subsystems_in(page), testing::ElementsAre(subsystems[1]));
    for (size_t size = 0; size < page.size(); size += 100)
        EXPECT_LE(subsystems_in(std::string_view(page).substr(0, size)).size(), 1U);
}

/// Answers with the part of the page that the command asks for.
void serve_discovery_log(Machine& machine, const std::string& page) {
    machine.system.add_device("/dev/nvme3", [page](std::string_view request) {
        uint32_t offset = 0;
        std::memcpy(&offset, request.data() + 48, sizeof offset); // cdw12
        return Result<std::string>(page.substr(offset, 1024));
    });
}

TEST(Nvme, WithoutANameTheOnlySubsystemIsTaken) {
    Machine machine;
    machine.wanted.nqn.clear();
    serve_discovery_log(machine, discovery_log({{kSubsystem, "192.0.2.10", 4420}}));
    Result<std::string> device = machine.attach();
    ASSERT_TRUE(device) << describe(device.error());
    EXPECT_EQ(*device, "/dev/nvme3n2");
    ASSERT_EQ(machine.requests.size(), 2U);
    EXPECT_THAT(machine.requests[0], HasSubstr("nqn=nqn.2014-08.org.nvmexpress.discovery,"));
    EXPECT_THAT(machine.requests[1], HasSubstr(text("nqn=", kSubsystem, ",")));

    Machine several;
    several.wanted.nqn.clear();
    serve_discovery_log(several,
                        discovery_log({{"nqn.a", "192.0.2.10", 4420}, {"nqn.b", "192.0.2.10", 4420}}));
    EXPECT_EQ(several.error(), "storage.example lists several NVMe subsystems: nqn.a, nqn.b; set 'nqn'");
    EXPECT_EQ(several.system.file("/sys/class/nvme/nvme3/delete_controller"), "1");
}

TEST(Nvme, ShowsTheKeyToRootAlone) {
    Machine machine;
    machine.wanted.dhchap_secret = "DHHC-1:00:hunter2:";
    ASSERT_TRUE(machine.attach());
    EXPECT_EQ(machine.system.mode("/sys/class/nvme/nvme3/dhchap_secret"), 0600u);
}

TEST(Nvme, AnotherNamespaceOfTheSubsystemSharesItsController) {
    Machine machine;
    ASSERT_TRUE(machine.attach());
    machine.refusal = EALREADY;
    machine.wanted.nsid = 1;
    Undo second;
    Result<std::string> device = attach(machine.boot, machine.wanted, second);
    ASSERT_TRUE(device) << describe(device.error());
    EXPECT_EQ(*device, "/dev/nvme3n1");
    second.run();
    EXPECT_EQ(machine.system.file("/sys/class/nvme/nvme3/delete_controller"), "");
    machine.undo.run();
    EXPECT_EQ(machine.system.file("/sys/class/nvme/nvme3/delete_controller"), "1");
}

TEST(Nvme, NobodyThereIsTransient) {
    Machine machine;
    machine.wanted.host = "192.0.2.9";
    Result<std::string> device = machine.attach();
    ASSERT_FALSE(device);
    EXPECT_TRUE(device.error().is_transient());
    EXPECT_THAT(describe(device.error()),
                HasSubstr("connecting to nqn.2014-08.org.example:images at 192.0.2.9 port 4420"));
}

TEST(Nvme, LeavesNothingBehindWhereverItFails) {
    Machine whole;
    ASSERT_TRUE(whole.attach());
    std::vector<std::string> lines = whole.transcript.lines();
    for (size_t step = 0; step < lines.size(); ++step) {
        Machine machine;
        machine.transcript.fail_at(step);
        Result<std::string> device = machine.attach();
        machine.undo.run();
        if (!device) {
            EXPECT_THAT(describe(device.error()), HasSubstr(lines[step]));
        }
        bool is_left = machine.system.file("/sys/class/nvme/nvme3/delete_controller") == "";
        EXPECT_FALSE(is_left) << lines[step];
    }
}

} // namespace
} // namespace mangrove
