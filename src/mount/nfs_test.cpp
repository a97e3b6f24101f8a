#include <cerrno>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "attach/attach.h"
#include "base/log.h"
#include "mount/mount.h"
#include "system/fake/network.h"
#include "system/fake/system.h"

namespace mangrove {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

constexpr const char* kIdentifier = "/sys/module/nfs/parameters/nfs4_unique_id";

/// A machine, and a server that exports /images, with one squashfs in it, at two addresses of one name.
struct Machine {
    explicit Machine(Transcript& transcript) : system(transcript), network(system) {
        system.add_file("/sys/class/dmi/id/product_uuid", "11223344-5566-7788-99AA-BBCCDDEEFF00\n");
        system.add_file(kIdentifier, "\n");
        system.add_directory("/mnt");
        network.add_host("head", {*IpAddress::parse("2001:db8::1"), *IpAddress::parse("192.0.2.1")});
        listen("192.0.2.1", 2049);
        for (const char* source : {"head:/images", "192.0.2.1:/images"})
            system.add_disk(source, {"nfs", "", ""}, {{"/image.sqsh", ""}});
        system.add_image("/image.sqsh", {"squashfs", "", ""}, {{"/etc/marker", "from the image"}});
        wanted.host = "192.0.2.1";
        wanted.path = "/images";
        wanted.ro = true;
    }
    void listen(const std::string& address, uint16_t port) {
        network.listen(*IpAddress::parse(address), port);
    }
    /// The server says this to each version that it does not speak.
    void speak(const std::string& version, int to_others = EPROTONOSUPPORT) {
        system.refuse_mount = [version, to_others](const MountRequest& request) {
            bool is_nfs = request.type == "nfs";
            return is_nfs && !request.options.starts_with("vers=" + version + ",") ? to_others : 0;
        };
    }
    void refuse(int code) {
        system.refuse_mount = [code](const MountRequest& request) {
            return request.type == "nfs" ? code : 0;
        };
    }
    Result<> mount() { return mangrove::mount(boot, wanted, "/mnt", 0, undo); }
    Error error() {
        Result<> mounted = mount();
        return mounted ? Error{.what = "no error"} : mounted.error();
    }
    const std::vector<std::string>& lines() { return system.transcript().lines(); }

    FakeSystem system;
    Boot boot{system};
    FakeNetwork network;
    definition::MountNfs wanted;
    Undo undo;
};

class MountNfs : public testing::Test {
  protected:
    MountNfs() {
        set_log_sink([this](LogLevel, std::string_view line) { log_.emplace_back(line); });
    }
    ~MountNfs() override { set_log_sink({}); }

    std::vector<std::string> log_;
    Transcript transcript_;
    Machine machine_{transcript_};
};

TEST_F(MountNfs, Takes41First) {
    Result<> mounted = machine_.mount();
    ASSERT_TRUE(mounted) << describe(mounted.error());
    EXPECT_THAT(machine_.lines(),
                ElementsAre("loading the module nfs", text("reading ", kIdentifier), "reading /proc/cmdline",
                            "reading /sys/class/dmi/id/product_uuid",
                            text("writing '11223344-5566-7788-99aa-bbccddeeff00' to ", kIdentifier),
                            "loading the module nfsv4", "connecting to 192.0.2.1:2049",
                            "mounting 192.0.2.1:/images on /mnt type nfs ro "
                            "vers=4.1,proto=tcp,addr=192.0.2.1"));
    EXPECT_THAT(log_, ElementsAre("mounted 192.0.2.1:/images with NFS 4.1 from 192.0.2.1"));
    machine_.undo.run();
    EXPECT_THAT(machine_.system.mounts(), ElementsAre());
}

TEST_F(MountNfs, LeavesAnIdentifierThatIsSet) {
    machine_.system.add_file(kIdentifier, "node7\n");
    ASSERT_TRUE(machine_.mount());
    EXPECT_EQ(machine_.system.file(kIdentifier), "node7\n");
}

TEST_F(MountNfs, IsNamedForItsCardWhereTheMachineHasNoUuid) {
    machine_.system.add_file("/sys/class/dmi/id/product_uuid", "Not Settable\n");
    machine_.system.add_directory("/sys/class/net");
    EXPECT_THAT(machine_.error().what, HasSubstr("neither a UUID nor a network card"));
    machine_.system.add_file("/sys/class/net/eth0/address", "52:54:00:AA:BB:01\n");
    machine_.system.add_directory("/sys/class/net/eth0/device");
    ASSERT_TRUE(machine_.mount());
    EXPECT_EQ(machine_.system.file(kIdentifier), "525400aabb01");
}

TEST_F(MountNfs, FallsBackToWhatTheServerSpeaks) {
    machine_.speak("4.0");
    ASSERT_TRUE(machine_.mount());
    EXPECT_THAT(log_, ElementsAre("mounted 192.0.2.1:/images with NFS 4.0 from 192.0.2.1; 192.0.2.1 does not "
                                  "support NFS 4.1; 192.0.2.1 does not support NFS 4.2"));
}

TEST_F(MountNfs, FallsBackToNfs3AndThePortmapper) {
    machine_.speak("3");
    machine_.listen("192.0.2.1", 111);
    ASSERT_TRUE(machine_.mount());
    EXPECT_THAT(machine_.lines(), Contains("connecting to 192.0.2.1:111"));
    EXPECT_EQ(machine_.lines().back(), "mounting 192.0.2.1:/images on /mnt type nfs ro "
                                       "vers=3,proto=tcp,addr=192.0.2.1,nolock");
}

TEST_F(MountNfs, Nfs3NeedsNoPortmapperWhenThePortsAreGiven) {
    machine_.speak("3");
    machine_.wanted.version = "3";
    machine_.wanted.options = {"mountport=20048"};
    ASSERT_TRUE(machine_.mount());
    EXPECT_THAT(machine_.lines(), Not(Contains("connecting to 192.0.2.1:111")));
    EXPECT_THAT(machine_.lines(), Not(Contains("loading the module nfsv4")));
}

TEST_F(MountNfs, SaysThatThePortmapperIsMissing) {
    machine_.wanted.version = "3";
    Error error = machine_.error();
    EXPECT_EQ(error.what,
              "connecting to 192.0.2.1:111: Connection refused (NFS 3 without the option mountport=)");
    EXPECT_TRUE(error.is_transient());
}

TEST_F(MountNfs, ListsTheVersionsThatItTried) {
    machine_.refuse(EPROTONOSUPPORT);
    machine_.listen("192.0.2.1", 111);
    Error error = machine_.error();
    EXPECT_EQ(error.what, "192.0.2.1 does not support NFS 4.1; 192.0.2.1 does not support NFS 4.2; 192.0.2.1 "
                          "does not support NFS 4.0; 192.0.2.1 does not support NFS 3");
    EXPECT_FALSE(error.is_transient());
}

TEST_F(MountNfs, DoesNotFallBackFromAVersionThatIsAskedFor) {
    machine_.speak("3");
    machine_.wanted.version = "4.1";
    EXPECT_EQ(machine_.error().what, "192.0.2.1 does not support NFS 4.1");
}

TEST_F(MountNfs, AMinorVersionThatTheKernelLacksIsPassedOver) {
    machine_.speak("4.0", EINVAL);
    EXPECT_TRUE(machine_.mount());
}

TEST_F(MountNfs, AnOptionThatTheKernelDoesNotKnowIsNamed) {
    machine_.refuse(EINVAL);
    machine_.wanted.options = {"nconect=4"};
    Error error = machine_.error();
    EXPECT_THAT(error.what, HasSubstr("NFS 4.0 from 192.0.2.1 with the options nconect=4: mounting "
                                      "192.0.2.1:/images on /mnt: Invalid argument"));
    EXPECT_THAT(error.what, Not(HasSubstr("NFS 3")));
    EXPECT_FALSE(error.is_transient());
}

TEST_F(MountNfs, GoesWithoutTheModuleOfAVersion) {
    machine_.system.add_missing_module("nfsv4");
    machine_.listen("192.0.2.1", 111);
    ASSERT_TRUE(machine_.mount());
    EXPECT_EQ(machine_.lines().back(), "mounting 192.0.2.1:/images on /mnt type nfs ro "
                                       "vers=3,proto=tcp,addr=192.0.2.1,nolock");
    machine_.wanted.version = "4.2";
    EXPECT_EQ(machine_.error().what, "loading the module nfsv4: No such file or directory");
}

TEST_F(MountNfs, SaysWhatTheServerRefuses) {
    const std::pair<int, std::string> table[] = {
        {ENOENT, "192.0.2.1 does not export /images to this node (NFS 4.1)"},
        {ENOTDIR, "/images of 192.0.2.1 is not a directory (NFS 4.1)"},
        {EACCES, "192.0.2.1 does not let this node mount /images (NFS 4.1): Permission denied"},
        {EPERM, "192.0.2.1 does not let this node mount /images (NFS 4.1): Operation not permitted"},
        {EIO, "NFS 4.1 from 192.0.2.1: mounting 192.0.2.1:/images on /mnt: Input/output error"},
    };
    for (const auto& [code, what] : table) {
        machine_.refuse(code);
        Error error = machine_.error();
        EXPECT_EQ(error.what, what);
        EXPECT_FALSE(error.is_transient()) << what;
    }
}

TEST_F(MountNfs, AServerThatIsAwayOrSilentMayComeBack) {
    machine_.refuse(ETIMEDOUT);
    EXPECT_TRUE(machine_.error().is_transient());
    machine_.network.stop_listening(*IpAddress::parse("192.0.2.1"), 2049);
    Error error = machine_.error();
    EXPECT_EQ(error.what, "connecting to 192.0.2.1:2049: Connection refused");
    EXPECT_TRUE(error.is_transient());
}

TEST_F(MountNfs, TriesEveryAddressOfAName) {
    machine_.wanted.host = "head";
    ASSERT_TRUE(machine_.mount());
    EXPECT_THAT(machine_.lines(), Contains("connecting to [2001:db8::1]:2049"));
    EXPECT_EQ(machine_.lines().back(),
              "mounting head:/images on /mnt type nfs ro vers=4.1,proto=tcp,addr=192.0.2.1");
}

TEST_F(MountNfs, OneAddressThatAnswersHasTheLastWord) {
    machine_.wanted.host = "head";
    machine_.refuse(ENOENT);
    Error error = machine_.error();
    EXPECT_EQ(error.what, "connecting to [2001:db8::1]:2049: Connection refused; 192.0.2.1 does not export "
                          "/images to this node (NFS 4.1)");
    EXPECT_FALSE(error.is_transient());
}

TEST_F(MountNfs, HoldsTheFileOfALoopDevice) {
    definition::Loopback loopback;
    loopback.path = "/image.sqsh";
    loopback.base = definition::Base::mount;
    loopback.mount = std::make_shared<definition::Mount>(definition::Mount{machine_.wanted, "mount.nfs"});
    definition::MountAttach attach = {{loopback, "mount.attach"}, {}, "squashfs", {"ro"}};
    Result<> mounted = mount(machine_.boot, attach, "/mnt", 0, machine_.undo);
    ASSERT_TRUE(mounted) << describe(mounted.error());
    EXPECT_EQ(machine_.system.file("/mnt/etc/marker"), "from the image");
    machine_.undo.run();
    EXPECT_THAT(machine_.system.mounts(), ElementsAre());
    EXPECT_THAT(machine_.system.loop_devices(), ElementsAre());
}

TEST_F(MountNfs, LeavesNothingBehindWhereverItFails) {
    machine_.wanted.host = "head";
    ASSERT_TRUE(machine_.mount());
    const std::vector<std::string> steps = machine_.lines();
    auto is_tolerated = [](const std::string& step) {
        // Another source of the identity, another version or another address take its place.
        return step.find("product_uuid") != std::string::npos || step == "reading /proc/cmdline"
               || step == "loading the module nfsv4" || step.find("2001:db8::1") != std::string::npos;
    };
    for (size_t step = 0; step < steps.size(); ++step) {
        Transcript transcript;
        transcript.fail_at(step);
        Machine machine(transcript);
        machine.wanted.host = "head";
        machine.system.add_file("/sys/class/net/eth0/address", "52:54:00:aa:bb:01\n");
        machine.system.add_directory("/sys/class/net/eth0/device");
        Result<> mounted = machine.mount();
        EXPECT_EQ(mounted.has_value(), is_tolerated(steps[step])) << steps[step];
        std::string said = mounted ? steps[step] : describe(mounted.error());
        EXPECT_THAT(said, HasSubstr(steps[step].substr(0, steps[step].find(" type "))));
        machine.undo.run();
        EXPECT_THAT(machine.system.mounts(), ElementsAre()) << steps[step];
    }
}

} // namespace
} // namespace mangrove
