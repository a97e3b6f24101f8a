#include "source/root_path.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/log.h"
#include "definition/parse.h"

namespace mangrove {
namespace {

Lease lease_with(std::string root_path) {
    Lease lease;
    lease.address = *IpAddress::parse("192.0.2.10");
    lease.server = *IpAddress::parse("192.0.2.1");
    lease.root_path = std::move(root_path);
    return lease;
}

std::string iscsi(const std::string& members) {
    return R"({"name":"iqn.2003-01.org.example:a","mount":{"kind":"overlay","overlay":{"lower":[)"
           R"({"kind":"attach","attach":{"mount_options":["ro"],"attach":{"kind":"iscsi","iscsi":)"
           R"({"target":"iqn.2003-01.org.example:a",)"
           + members + "}}}}]}}}";
}

std::string nfs(const std::string& host, const std::string& path, const std::string& members = "") {
    return R"({"name":")" + host + ":" + path + R"(","mount":{"kind":"overlay","overlay":{"lower":[)"
           + R"({"kind":"nfs","nfs":{"host":")" + host + R"(","path":")" + path + R"(","ro":true)" + members
           + "}}]}}}";
}

struct Row {
    std::string root_path;
    std::string definition;
};

TEST(RootPath, IsADefinitionInOtherWords) {
    const std::string name = "iqn.2003-01.org.example:a";
    for (const Row& row : std::vector<Row>{
             {"iscsi:192.0.2.9::::" + name, iscsi(R"("host":"192.0.2.9","lun":0)")},
             {"iscsi:192.0.2.9:6:3261:1:" + name, iscsi(R"("host":"192.0.2.9","port":3261,"lun":1)")},
             {"iscsi:head:6::a:" + name, iscsi(R"("host":"head","lun":10)")},
             {"iscsi:[fd00::9]:6:3260:1:" + name, iscsi(R"("host":"fd00::9","port":3260,"lun":1)")},
             {"iscsi:head:::4101:" + name, iscsi(R"("host":"head","lun":257)")},
             {"iscsi:head:::0001-0000-0000-0000:" + name, iscsi(R"("host":"head","lun":1)")},
             {"iscsi:::::" + name, iscsi(R"("host":"192.0.2.1","lun":0)")},
             {"iscsi:node:p@ss@head::::" + name,
              iscsi(R"("host":"head","lun":0,"chap":{"username":"node","password":"p@ss"})")},
             {"iscsi:node:pass:target:word@[fd00::9]:6:3260:1:" + name,
              iscsi(R"("host":"fd00::9","port":3260,"lun":1,"chap":{"username":"node","password":"pass",)"
                    R"("username_in":"target","password_in":"word"})")},
             {"iscsi:@head::::" + name, iscsi(R"("host":"head","lun":0)")},
             {"iscsi:head::3260:default:eth0:1:" + name, iscsi(R"("host":"head","port":3260,"lun":1)")},
             {"nfs:192.0.2.9:/srv/root", nfs("192.0.2.9", "/srv/root")},
             {"nfs4:head:/srv/root:vers=4.2,nconnect=4,ro",
              nfs("head", "/srv/root", R"(,"version":"4.2","options":["nconnect=4"])")},
             {"[fd00::9]:/srv/root,nfsvers=3,rw,nolock", nfs("fd00::9", "/srv/root", R"(,"version":"3")")},
             {"head:/srv/root,vers=4", nfs("head", "/srv/root")},
             {" /srv/%s/root ", nfs("192.0.2.1", "/srv/192.0.2.10/root")},
         }) {
        Result<std::string> definition = definition_from_root_path(lease_with(row.root_path));
        ASSERT_TRUE(definition) << row.root_path << ": " << definition.error().what;
        EXPECT_EQ(*definition, row.definition) << row.root_path;
        Result<definition::Definition> parsed = definition::parse_definition(*definition);
        EXPECT_TRUE(parsed) << row.root_path << ": " << describe(parsed.error());
    }
}

/// As documentation and trackers of these projects have it.
TEST(RootPath, IsTakenFromOtherProjects) {
    const std::string name = "iqn.2003-01.org.example:a";
    for (const Row& row : std::vector<Row>{
             // LTSP 5 and 23
             {"/opt/ltsp/i386", nfs("192.0.2.1", "/opt/ltsp/i386")},
             {"192.0.2.9:/srv/ltsp/x86_64,nolock", nfs("192.0.2.9", "/srv/ltsp/x86_64")},
             // FAI
             {"192.0.2.9:/srv/fai/nfsroot,vers=3", nfs("192.0.2.9", "/srv/fai/nfsroot", R"(,"version":"3")")},
             {"192.0.2.9:/srv/fai/nfsroot:aclregmin=1,acdirmin=1,vers=4.2",
              nfs("192.0.2.9", "/srv/fai/nfsroot", R"(,"version":"4.2","options":["acdirmin=1"])")},
             // xCAT
             {"nfs:192.0.2.9:/install/netboot/rhels8/x86_64/compute/rootimg:ro",
              nfs("192.0.2.9", "/install/netboot/rhels8/x86_64/compute/rootimg")},
             {"iscsi:192.0.2.9:6:3260:1:" + name, iscsi(R"("host":"192.0.2.9","port":3260,"lun":1)")},
             // Raspberry Pi
             {"192.0.2.9:/nfs/client1,v3,tcp", nfs("192.0.2.9", "/nfs/client1", R"(,"version":"3")")},
             {"192.0.2.9:/nfs/client1,vers=4.1,proto=tcp",
              nfs("192.0.2.9", "/nfs/client1", R"(,"version":"4.1")")},
             {"/nfs/client1,udp,v3,rsize=32768,wsize=32768,hard,intr,timeo=600",
              nfs("192.0.2.1", "/nfs/client1",
                  R"(,"version":"3","options":["rsize=32768","wsize=32768","timeo=600"])")},
             // fstab's words
             {"head:/srv/root:soft,_netdev,noatime,x-systemd.automount,defaults",
              nfs("head", "/srv/root", R"(,"options":["noatime"])")},
             {"head:/srv/root:vers=4,minorversion=1,port=20490",
              nfs("head", "/srv/root", R"(,"version":"4.1","options":["port=20490"])")},
             // Anaconda and RFC 2224
             {"nfs:nolock,rsize=8192:head:/srv/root",
              nfs("head", "/srv/root", R"(,"options":["rsize=8192"])")},
             {"nfs://head/srv/root", nfs("head", "/srv/root")},
             {"nfs://[fd00::9]:20490/srv/root", nfs("fd00::9", "/srv/root", R"(,"options":["port=20490"])")},
             // iPXE: a second path to the LUN, another LUN, 64 bits
             {"iscsi:192.0.2.9::::" + name + " iscsi:192.0.2.8::3261::" + name,
              iscsi(R"("host":"192.0.2.9","lun":0,"portals":["192.0.2.8:3261"])")},
             {"iscsi:192.0.2.9::::" + name + " iscsi:192.0.2.8:::1:" + name,
              iscsi(R"("host":"192.0.2.9","lun":0)")},
             {"iscsi:192.0.2.9::::" + name + " iscsi:[fd00::8]::::" + name,
              iscsi(R"("host":"192.0.2.9","lun":0,"portals":["[fd00::8]"])")},
             {"iscsi:192.0.2.9:::0001000000000000:" + name, iscsi(R"("host":"192.0.2.9","lun":1)")},
             {"iscsi:192.0.2.9:::0000000000000001:" + name, iscsi(R"("host":"192.0.2.9","lun":1)")},
             {"iscsi:192.0.2.9:::0000-0000-0000-0001:" + name, iscsi(R"("host":"192.0.2.9","lun":1)")},
             {"iscsi:192.0.2.9:::0x1f:" + name, iscsi(R"("host":"192.0.2.9","lun":31)")},
             // Fields that are missing
             {"iscsi:192.0.2.9:" + name, iscsi(R"("host":"192.0.2.9","lun":0)")},
             {"iscsi:192.0.2.9:3260:" + name, iscsi(R"("host":"192.0.2.9","port":3260,"lun":0)")},
             {"iscsi:192.0.2.9:3260:1:" + name, iscsi(R"("host":"192.0.2.9","port":3260,"lun":1)")},
             {"iscsi:192.0.2.9:tcp:3260:1:" + name, iscsi(R"("host":"192.0.2.9","port":3260,"lun":1)")},
             // The quotes of dhcpd.conf
             {"\"192.0.2.9:/srv/root\"", nfs("192.0.2.9", "/srv/root")},
         }) {
        Result<std::string> definition = definition_from_root_path(lease_with(row.root_path));
        ASSERT_TRUE(definition) << row.root_path << ": " << definition.error().what;
        EXPECT_EQ(*definition, row.definition) << row.root_path;
        Result<definition::Definition> parsed = definition::parse_definition(*definition);
        EXPECT_TRUE(parsed) << row.root_path << ": " << describe(parsed.error());
    }
}

TEST(RootPath, SaysWhatItDoesNotKeep) {
    std::vector<std::string> log;
    set_log_sink([&](LogLevel, std::string_view line) { log.emplace_back(line); });
    EXPECT_TRUE(
        definition_from_root_path(lease_with("head:/srv/root,soft,sec=krb5,frobnicate,vers=2,port=x")));
    EXPECT_TRUE(definition_from_root_path(lease_with("iscsi:head:3260:iqn.2003-01.org.example:a")));
    set_log_sink({});
    EXPECT_THAT(log, testing::ElementsAre(
                         "root-path: NFS option 'soft' ignored: a root always waits for its server",
                         "root-path: NFS option 'sec=krb5' ignored: it needs a service that does not "
                         "run before the root is mounted",
                         "root-path: unknown NFS option 'frobnicate', ignoring",
                         "root-path: NFS version '2' not supported, ignoring",
                         "root-path: NFS option 'port=x' ignored: it is not a number from 1 to 65535",
                         "root-path: no PROTOCOL:PORT:LUN between the server and the target; using port 3260 "
                         "and LUN 0"));
}

TEST(RootPath, OfAnImageAndOfNbd) {
    const std::string overlay = R"(,"mount":{"kind":"overlay","overlay":{"lower":[)";
    EXPECT_EQ(definition_from_root_path(lease_with("http://head/root.squashfs")),
              R"({"name":"http://head/root.squashfs")" + overlay
                  + R"({"kind":"uri","uri":{"uri":"http://head/root.squashfs"}}]}}})");
    EXPECT_EQ(definition_from_root_path(lease_with("nbd:192.0.2.9:ltsp_i386:squashfs:ro")),
              R"({"name":"nbd:192.0.2.9:ltsp_i386:squashfs:ro")" + overlay
                  + R"({"kind":"attach","attach":{"fs_type":"squashfs","mount_options":["ro"],"attach":)"
                  + R"({"kind":"nbd","nbd":{"host":"192.0.2.9","export":"ltsp_i386"}}}}]}}})");
}

TEST(RootPath, BesideArgumentsOfDracutHasItsFrame) {
    KernelCommandLine command_line = KernelCommandLine::parse("root=dhcp rw init=/sbin/init2 quiet");
    EXPECT_EQ(definition_from_root_path(lease_with("nfs:head:/srv/root"), command_line),
              R"({"name":"head:/srv/root","command":"/sbin/init2","mount":{"kind":"nfs","nfs":)"
              R"({"host":"head","path":"/srv/root"}}})");
    command_line = KernelCommandLine::parse("mangrove.definition=dhcp rw init=/sbin/init2");
    EXPECT_EQ(definition_from_root_path(lease_with("nfs:head:/srv/root"), command_line),
              nfs("head", "/srv/root"));
}

TEST(RootPath, TakesFromTheLeaseWhatItLeavesOut) {
    Lease lease = lease_with("nfs:/srv/%s");
    lease.next_server = *IpAddress::parse("192.0.2.2");
    lease.host_name = "node7";
    EXPECT_EQ(definition_from_root_path(lease), nfs("192.0.2.2", "/srv/node7"));
}

TEST(RootPath, IsRefusedWithWhatIsWrongAndWithoutThePassword) {
    const std::string form = "expected iscsi:SERVER:PROTOCOL:PORT:LUN:TARGET or nfs:SERVER:/PATH";
    for (const Row& row : std::vector<Row>{
             {"srv/root", form},
             {"nfs:", form},
             {":/srv/root", form},
             {"[fd00::9/srv/root", form},
             {"aoe:e0.0", form},
             {"iscsi:", "no target name in it (iqn., eui. or naa.)"},
             {"iscsi:head::::disk", "no target name in it (iqn., eui. or naa.)"},
             {"iscsi:iqn.2003-01.org.example:a", "no target name in it (iqn., eui. or naa.)"},
             {"iscsi:head:1:2:3:4:5:6:iqn.2003-01.org.example:a",
              "too many fields between the server and the target: expected "
              "PROTOCOL:PORT:INTERFACE:DEVICE:LUN"},
             {"iscsi:head:17:::iqn.2003-01.org.example:a", "the protocol '17' is not 6 (TCP)"},
             {"iscsi:head::0::iqn.2003-01.org.example:a", "the port '0' is not a number from 1 to 65535"},
             {"iscsi:head::x::iqn.2003-01.org.example:a", "the port 'x' is not a number from 1 to 65535"},
             {"iscsi:head:::x:iqn.2003-01.org.example:a",
              "invalid LUN 'x': expected the form 1 or 0001-0000-0000-0000"},
             {"iscsi:head:::1-2-3-4-5:iqn.2003-01.org.example:a",
              "invalid LUN '1-2-3-4-5': expected the form 1 or 0001-0000-0000-0000"},
             {"iscsi:head:::4752-3A4F-6b7e-2F99:iqn.2003-01.org.example:a",
              "unsupported LUN '4752-3A4F-6b7e-2F99': not addressed by a number alone"},
             {"iscsi:head:::C101:iqn.2003-01.org.example:a",
              "unsupported LUN 'C101': not addressed by a number alone"},
             {"//head/root", form},
             {"iscsi:a:secret:b:secret:c@head::::iqn.2003-01.org.example:a",
              "expected USER:PASSWORD or USER:PASSWORD:USER:PASSWORD before the @"},
         }) {
        Result<std::string> definition = definition_from_root_path(lease_with(row.root_path));
        ASSERT_FALSE(definition) << row.root_path << ": " << *definition;
        EXPECT_EQ(definition.error().what, row.definition) << row.root_path;
    }
}

} // namespace
} // namespace mangrove
