#include "root/root.h"

#include <gtest/gtest.h>
#include <map>
#include <sys/mount.h>

#include "base/log.h"
#include "definition/parse.h"
#include "machine/run_files.h"
#include "root/report.h"
#include "system/fake/system.h"

namespace mangrove {
namespace {

/// An overlay of a local disk and of a loop device on the initramfs.
constexpr const char* kDefinition =
    R"({"name": "x", "hostname": "node7", "mount": {"kind": "overlay", "overlay": {"lower": [
  {"kind": "attach", "attach": {"fs_type": "ext4", "attach": {"kind": "loopback", "loopback": {"path": "/a.img"}}}},
  {"kind": "attach", "attach": {"attach": {"kind": "local", "local": {"label": "root"}}}}]}}})";

struct Machine {
    Machine() {
        system.add_image("/a.img", {"ext4", "", ""}, {{"/etc/marker", "upper"}});
        system.add_disk("/dev/sda", {"squashfs", "root", ""},
                        {{"/dev/", ""},
                         {"/proc/", ""},
                         {"/sys/", ""},
                         {"/run/", ""},
                         {"/tmp/", ""},
                         {"/etc/machine-id", ""},
                         {"/etc/fstab", "UUID=1 / ext4 defaults 0 1\ntmpfs /tmp tmpfs\n"},
                         {"/lib/init*", ""},
                         {"/sbin/init@", "/lib/init"}});
        system.add_file("/proc/self/exe", "the program");
        system.add_file("/proc/self/mountinfo", "22 1 8:0 / /sysroot ro - ext4 /dev/sda ro\n");
        system.add_file("/sys/class/dmi/id/product_uuid", "F2C626B7-2C0F-41B4-88B8-2EDF5CD49A54\n");
        definition = definition::parse_definition(kDefinition).value();
    }
    Transcript transcript;
    FakeSystem system{transcript};
    Boot boot{system};
    definition::Definition definition;
};

struct RootTest : testing::Test, Machine {};

TEST_F(RootTest, AssemblesAndHandsOver) {
    Result<Root> root = assemble(boot, definition);
    ASSERT_TRUE(root) << describe(root.error());
    EXPECT_EQ(system.file("/sysroot/etc/marker"), "upper");
    ASSERT_TRUE(hand_over(boot, definition, *root));
    EXPECT_EQ(system.file("/sysroot/etc/machine-id"), "f2c626b72c0f41b488b82edf5cd49a54\n");
    EXPECT_EQ(system.file("/sysroot/etc/fstab"), "#mangrove# UUID=1 / ext4 defaults 0 1\ntmpfs /tmp tmpfs\n");
    EXPECT_EQ(system.file("/sysroot/etc/hostname"), "node7\n");
    EXPECT_EQ(system.host_name(), "node7");
    ASSERT_TRUE(switch_root(boot, *root));
    EXPECT_EQ(system.switched_root(), "/sysroot");
    EXPECT_EQ(system.executed(), (std::vector<std::string>{"/sbin/init"}));
    EXPECT_FALSE(system.mounts().empty());
    ASSERT_EQ(system.started_residents().size(), 2U);
    EXPECT_EQ(system.started_residents()[0].name, "the shutdown");
    EXPECT_EQ(system.started_residents()[1].name, "the reads of /dev/sda");
    std::optional<std::string> report = system.file(kReportPath);
    ASSERT_TRUE(report);
    EXPECT_NE(report->find(R"("name":"mounting mount.overlay.lower[1]","depth":1)"), std::string::npos)
        << *report;
}

/// By mount point, the last word on whether setuid programs and device nodes are in force there.
std::map<std::string, bool> mounts_with_setuid(FakeSystem& system, const std::string& mount) {
    std::map<std::string, bool> found;
    system.refuse_mount = [&](const MountRequest& request) {
        bool is_bind = (request.flags & MS_BIND) && !(request.flags & MS_REMOUNT);
        constexpr unsigned long kPart = MS_NOSUID | MS_NODEV;
        found[request.target] = is_bind ? found[request.source] : (request.flags & kPart) != kPart;
        return 0;
    };
    std::string text = R"({"name": "x", "mount": )" + mount + "}";
    Boot boot(system);
    Result<Root> root = assemble(boot, definition::parse_definition(text).value());
    EXPECT_TRUE(root) << describe(root.error());
    return found;
}

TEST(Layers, HaveNeitherSetuidProgramsNorDevices) {
    const std::string image =
        R"({"kind": "attach", "attach": {"attach": {"kind": "local", "local": {"label": "root"}}}})";
    auto bind = [](const std::string& mount) {
        return R"({"kind": "bind", "bind": {"base": "mount", "path": "/", "mount": )" + mount + "}}";
    };
    auto overlay = [](const std::string& mount) {
        return R"({"kind": "overlay", "overlay": {"lower": [)" + mount + "]}}";
    };
    for (const std::string& mount : {image, bind(image), overlay(image), bind(overlay(image)),
                                     overlay(bind(image)), overlay(overlay(image))}) {
        Machine machine;
        for (const auto& [target, has_setuid] : mounts_with_setuid(machine.system, mount))
            EXPECT_EQ(has_setuid, target == "/sysroot") << target << " of " << mount;
        EXPECT_EQ(machine.system.mode("/run/mangrove/layers").value_or(0700), 0700u) << mount;
    }
}

TEST_F(RootTest, ANodeWithADiskIsNotHeldUpByTheFstabOfAnother) {
    const std::string fstab =
        "LABEL=root /mnt squashfs ro 0 0\nUUID=9 /boot ext4 defaults 0 2\n"
        "/dev/sda /x squashfs ro\n/dev/disk/by-uuid/9 none swap sw\n/swapfile none swap sw\n"
        "head:/home /home nfs rw\n";
    system.add_image("/a.img", {"ext4", "", ""}, {{"/etc/fstab", fstab}, {"/swapfile", ""}});
    std::vector<std::string> logged;
    set_log_sink([&](LogLevel level, std::string_view line) { logged.push_back(shown_line(level, line)); });
    Result<Root> root = assemble(boot, definition);
    ASSERT_TRUE(root) << describe(root.error());
    ASSERT_TRUE(hand_over(boot, definition, *root));
    set_log_sink([](LogLevel, std::string_view) {});
    EXPECT_EQ(system.file("/sysroot/etc/fstab"),
              "LABEL=root /mnt squashfs ro 0 0\n"
              "UUID=9 /boot ext4 defaults,nofail,x-systemd.device-timeout=10s 0 2\n"
              "/dev/sda /x squashfs ro\n"
              "/dev/disk/by-uuid/9 none swap sw,nofail,x-systemd.device-timeout=10s\n"
              "#mangrove# /swapfile none swap sw\n"
              "head:/home /home nfs rw\n");
    EXPECT_EQ(logged,
              (std::vector<std::string>{
                  "mangrove: /etc/fstab: this node does not have UUID=9 for /boot, /dev/disk/by-uuid/9 "
                  "for swap, /swapfile for swap; the lines are optional in this boot\n"}));
}

TEST_F(RootTest, MountPointsThatAreMissingAreMade) {
    system.add_disk("/dev/sda", {"squashfs", "root", ""}, {{"/sbin/init*", ""}, {"/run/", ""}});
    Result<Root> root = assemble(boot, definition);
    ASSERT_TRUE(root) << describe(root.error());
    for (const char* made : {"/sysroot/dev", "/sysroot/proc", "/sysroot/sys"})
        EXPECT_EQ(system.mode(made), 0755u) << made;
    EXPECT_EQ(system.mode("/sysroot/tmp"), 01777u);
}

TEST_F(RootTest, MountPointsThatAreMissingInAReadOnlyRootAreAnError) {
    system.add_disk("/dev/sda", {"squashfs", "root", ""}, {{"/sbin/init*", ""}, {"/run@", "/var/run"}});
    definition = definition::parse_definition(
                     R"({"name": "x", "mount": {"kind": "attach", "attach": {"mount_options": ["ro"],
                         "attach": {"kind": "local", "local": {"label": "root"}}}}})")
                     .value();
    EXPECT_EQ(assemble(boot, definition).error().what,
              "the image has no directory /dev, and the root is read-only; add the empty directory to the "
              "image, or use the image as the lower of an overlay");
    system.add_disk("/dev/sda", {"squashfs", "root", ""},
                    {{"/dev/", ""}, {"/proc/", ""}, {"/sys/", ""}, {"/run@", "/var/run"}});
    EXPECT_EQ(assemble(boot, definition).error().what, "the /run of the image is not a directory");
}

TEST_F(RootTest, AUuidThatManyMainboardsHaveMakesNoMachineId) {
    for (const char* uuid : {"03000200-0400-0500-0006-000700080009\n",
                             "FFFFFFFF-FFFF-FFFF-FFFF-FFFFFFFFFFFF\n", "Not Settable\n"}) {
        Machine machine;
        machine.system.add_file("/sys/class/dmi/id/product_uuid", uuid);
        machine.system.add_directory("/sys/class/net");
        Result<Root> root = assemble(machine.boot, machine.definition);
        ASSERT_TRUE(root) << describe(root.error());
        ASSERT_TRUE(hand_over(machine.boot, machine.definition, *root));
        EXPECT_EQ(machine.system.file("/sysroot/etc/machine-id"), "") << uuid;
    }
}

TEST_F(RootTest, LeavesTheRootToTheInitOfTheInitramfs) {
    std::vector<std::string> logged;
    set_log_sink([&](LogLevel level, std::string_view line) { logged.push_back(shown_line(level, line)); });
    {
        Result<Root> root = assemble(boot, definition);
        ASSERT_TRUE(root);
        ASSERT_TRUE(leave_root(boot, *root));
    }
    EXPECT_EQ(system.file("/sysroot/etc/marker"), "upper");
    EXPECT_TRUE(system.executed().empty());
    EXPECT_TRUE(system.file(kReportPath));
    EXPECT_EQ(logged.back(), "mangrove: the root 'x' is on /sysroot\n");
    // The program by another of its names is what the initramfs starts; any other one is not.
    for (const char* command : {"/lib/init", "/etc/fstab"}) {
        logged.clear();
        Root root{.path = "/sysroot", .undo = {}, .command = {command}};
        ASSERT_TRUE(leave_root(boot, root));
        EXPECT_EQ(logged.size(), command == std::string("/lib/init") ? 1u : 2u) << command;
    }
    EXPECT_EQ(logged.front(),
              "mangrove: warning: command: the initramfs's own init starts the real one (init=), "
              "not '/etc/fstab', ignoring\n");
    set_log_sink([](LogLevel, std::string_view) {});
}

TEST_F(RootTest, TheRootHasTheLabelOfTheImage) {
    system.add_security_label("/run/mangrove/layers/layer1", "system_u:object_r:root_t:s0");
    ASSERT_TRUE(assemble(boot, definition));
    EXPECT_EQ(system.security_label("/run/mangrove/layers/upper0/upper").value(),
              "system_u:object_r:root_t:s0");
}

TEST_F(RootTest, ARootWithoutALabelHasNone) {
    ASSERT_TRUE(assemble(boot, definition));
    EXPECT_EQ(system.security_label("/run/mangrove/layers/upper0/upper").value(), "");
}

TEST(Report, SaysWhenEachStepBeganAndHowItEnded) {
    Time begin = Time() + milliseconds(2900);
    Timeline timeline = {
        .start = begin,
        .steps = {{"attaching", 0, begin + milliseconds(10), begin + milliseconds(35), "refused\n  while x"},
                  {"fetching", 1, begin + milliseconds(40), begin + milliseconds(41), "", 2, 100000}},
        .origin = "/b.json",
        .definition = R"({"name":"debian"})",
        .keeper_error = "no memory",
        .passed_over = {{"file:/a.json", "it is \"damaged\"\n  while reading it"}}};
    EXPECT_EQ(report_text("debian", timeline, begin + milliseconds(500), 4096, 123456),
              R"({"name":"debian","kernel_seconds":2.9,"seconds":0.5,"peak_resident_bytes":4096,)"
              R"("received_bytes":123456,"definition":"/b.json","passed_over":[)"
              R"({"definition":"file:/a.json","error":"it is \"damaged\"\n  while reading it"}],"steps":[)"
              R"({"name":"attaching","depth":0,"start":0.01,"seconds":0.025,"tries":1,)"
              R"("outcome":"failed","error":"refused\n  while x"},)"
              R"({"name":"fetching","depth":1,"start":0.04,"seconds":0.001,"tries":2,"bytes":100000,)"
              R"("outcome":"ok"}],"masked_definition":{"name":"debian"},"keeper_error":"no memory"})"
              "\n");
}

TEST(Report, NamesReleaseBootAndFallback) {
    Timeline timeline = {.release = "r-1", .is_fallback = true, .boot_id = "b1"};
    EXPECT_TRUE(report_text("debian", timeline, Time(), 0, 0)
                    .starts_with(R"({"name":"debian","release":"r-1","boot_id":"b1","fallback":true,)"));
}

TEST(Report, SaysThatOnlySignedDefinitionsAreTaken) {
    EXPECT_NE(report_text("debian", {.takes_signed_only = true}, Time(), 0, 0).find(R"("signed_only":true)"),
              std::string::npos);
}

TEST(Report, SaysWhatIsVerified) {
    Timeline timeline = {
        .verified = {{"/dev/dm-0", "/dev/sda", "ab"}, {"/dev/dm-1", "/dev/nbd0", "cd", true}}};
    EXPECT_NE(report_text("debian", timeline, Time(), 0, 0)
                  .find(R"("verity":[{"device":"/dev/dm-0","data_device":"/dev/sda","root_hash":"ab",)"
                        R"("on_corruption":"error"},{"device":"/dev/dm-1","data_device":"/dev/nbd0",)"
                        R"("root_hash":"cd","on_corruption":"restart"}],"steps")"),
              std::string::npos);
}

TEST_F(RootTest, TheReportHasTheKernelsIdOfTheBoot) {
    system.add_file("/proc/sys/kernel/random/boot_id", "7a3e\n");
    EXPECT_NE(report_text(boot, "debian").find(R"("boot_id":"7a3e",)"), std::string::npos);
}

TEST_F(RootTest, TheReportHasWhatTheHeadNodeServed) {
    EXPECT_EQ(report_text(boot, "debian").find("served"), std::string::npos);
    system.add_file("/proc/cmdline", "quiet mangrove.served=0123456789ab secret=x\n");
    EXPECT_NE(report_text(boot, "debian").find(R"("served":"0123456789ab",)"), std::string::npos);
}

TEST_F(RootTest, ACommandThatIsNotInTheImageIsRefusedAndEverythingTakenBack) {
    definition.command = {"/sbin/systemdd"};
    Result<Root> root = assemble(boot, definition);
    ASSERT_FALSE(root);
    EXPECT_EQ(root.error().what, "command: the image has no /sbin/systemdd");
    EXPECT_TRUE(system.mounts().empty());
    EXPECT_TRUE(system.loop_devices().empty());
}

struct LostConnection : WatchedConnection {
    std::string name() const override { return "iSCSI target x"; }
    Result<> be_patient(System&) override { return {}; }
    Result<std::optional<std::string>> wait_for_loss(System&, Deadline) override { return "it closed it"; }
    bool managed_elsewhere(System&) override { return false; }
    Result<> reconnect(System&) override { return {}; }
    Result<> give_up(System&) override { return {}; }
};

TEST_F(RootTest, WhatFailsBecauseAConnectionWasLostMayPass) {
    boot.connections.push_back(std::make_shared<LostConnection>());
    Result<> well = check_connections(boot, {});
    ASSERT_FALSE(well);
    EXPECT_TRUE(well.error().is_transient());
    EXPECT_EQ(describe(well.error()), "the iSCSI target x was lost: it closed it");
    Error error = {.what = "/sbin/init: Input/output error", .while_doing = {"looking for the command"}};
    EXPECT_EQ(describe(check_connections(boot, std::unexpected(error)).error()),
              "the iSCSI target x was lost: it closed it\n"
              "  while /sbin/init: Input/output error\n"
              "  while looking for the command");
    definition.command = {"/sbin/unreadable"};
    Result<Root> root = assemble(boot, definition);
    ASSERT_FALSE(root);
    EXPECT_TRUE(root.error().is_transient());
    EXPECT_TRUE(system.mounts().empty());
    boot.connections.clear();
    EXPECT_FALSE(assemble(boot, definition).error().is_transient());
}

TEST_F(RootTest, LeavesNothingBehindWhereverItFails) {
    ASSERT_TRUE(assemble(boot, definition));
    // The root was taken back at once; the steps before that are those of the assembling.
    const std::vector<std::string>& lines = transcript.lines();
    size_t steps = 0;
    while (steps < lines.size() && !lines[steps].starts_with("unmounting "))
        ++steps;
    ASSERT_GT(steps, 10u);
    for (size_t step = 0; step < steps; ++step) {
        Machine machine;
        machine.transcript.fail_at(step);
        Result<Root> root = assemble(machine.boot, machine.definition);
        bool is_tolerated = lines[step].find("SELinux label") != std::string::npos
                            || lines[step] == "loading the module sd_mod"
                            || lines[step].starts_with("asking for "); // the mount will tell
        ASSERT_EQ(root.has_value(), is_tolerated) << lines[step];
        if (is_tolerated) continue;
        EXPECT_NE(describe(root.error()).find(lines[step]), std::string::npos) << describe(root.error());
        EXPECT_TRUE(machine.system.mounts().empty()) << lines[step];
        EXPECT_TRUE(machine.system.loop_devices().empty()) << lines[step];
    }
}

/// The root of `Machine` with a leased network given to it; `files` are further ones of the image.
struct HandOverNetwork : testing::Test, Machine {
    HandOverNetwork() {
        network.links.emplace_back().lease = Lease();
        network.name_servers = {*IpAddress::parse("192.0.2.53")};
    }
    Result<> hand_over_with(const std::map<std::string, std::string>& files) {
        system.add_image("/a.img", {"ext4", "", ""}, files);
        Root root = TRY(assemble(boot, definition));
        boot.network = network;
        TRY(hand_over(boot, definition, root));
        root.undo.keep();
        return {};
    }
    NetworkConfiguration network;
};

TEST_F(HandOverNetwork, CutsANameThatIsTooLongForTheKernelAtItsFirstDot) {
    definition.hostname.clear();
    std::string longest = "node7." + std::string(58, 'x');
    for (const std::string& name : {longest, longest + ".example"}) {
        network.host_name = name;
        ASSERT_TRUE(hand_over_with({}));
        EXPECT_EQ(system.host_name(), name == longest ? longest : "node7");
    }
}

TEST_F(HandOverNetwork, TheNameOfTheImageGivesWayToTheNodes) {
    network.host_name = "from-dhcp";
    ASSERT_TRUE(hand_over_with({{"/etc/hostname", "golden\n"}}));
    EXPECT_EQ(system.file("/sysroot/etc/hostname"), "node7\n");
    definition.hostname.clear();
    ASSERT_TRUE(hand_over_with({{"/etc/hostname", "golden\n"}}));
    EXPECT_EQ(system.file("/sysroot/etc/hostname"), "from-dhcp\n");
    ASSERT_TRUE(hand_over_with({{"/etc/hostname@", "/usr/name"}, {"/usr/name", "golden\n"}}));
    EXPECT_EQ(system.file("/sysroot/usr/name"), "from-dhcp\n");
    ASSERT_TRUE(hand_over_with({}));
    EXPECT_FALSE(system.file("/sysroot/etc/hostname")) << "a network manager may learn another one";
    network.host_name.clear();
    ASSERT_TRUE(hand_over_with({{"/etc/hostname", "golden\n"}}));
    EXPECT_EQ(system.file("/sysroot/etc/hostname"), "golden\n");
}

TEST_F(HandOverNetwork, GivesTheRootItsNameServersAndDhclientItsIdentifier) {
    ASSERT_TRUE(hand_over_with({{"/etc/dhcp/dhclient.conf", "request routers;\n"}}));
    EXPECT_EQ(system.file("/sysroot/etc/resolv.conf"), "nameserver 192.0.2.53\n");
    EXPECT_NE(system.file("/sysroot/etc/dhcp/dhclient.conf")->find("= hardware;"), std::string::npos);
    EXPECT_TRUE(system.file("/run/systemd/network/10-mangrove.network"));
}

TEST_F(HandOverNetwork, LeavesAloneWhatTheImageSays) {
    ASSERT_TRUE(hand_over_with({{"/etc/resolv.conf", "# ours\nnameserver 198.51.100.1\n"}}));
    EXPECT_EQ(system.file("/sysroot/etc/resolv.conf"), "# ours\nnameserver 198.51.100.1\n");
    EXPECT_FALSE(system.file("/sysroot/etc/dhcp/dhclient.conf"));
}

TEST_F(HandOverNetwork, LeavesALinkToTheResolverOfTheRootAlone) {
    ASSERT_TRUE(hand_over_with({{"/etc/resolv.conf@", "/run/systemd/resolve/stub-resolv.conf"}}));
    EXPECT_FALSE(system.file("/run/systemd/resolve/stub-resolv.conf"));
    EXPECT_EQ(system.path_kind("/sysroot/etc/resolv.conf"), PathKind::symbolic_link);
}

} // namespace
} // namespace mangrove
