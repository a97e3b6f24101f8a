#include "source/dracut_root.h"

#include <fstream>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/log.h"
#include "definition/parse.h"
#include "net/dhcp_test_messages.h"
#include "source/commands.h"
#include "source/source.h"
#include "system/fake/network.h"
#include "system/fake/system.h"

namespace mangrove {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

const std::string kTarget = "iqn.2009-06.dracut:target0";

std::string root_of(const std::string& command_line) {
    Result<Decoded> decoded = decode_command_line(command_line);
    return decoded ? std::string(trim(decoded->definition)) : describe(decoded.error());
}
std::vector<std::string> notices_of(const std::string& command_line) {
    Result<Decoded> decoded = decode_command_line(command_line);
    return decoded ? decoded->notices : std::vector<std::string>{describe(decoded.error())};
}
std::string iscsi(const std::string& members, const std::string& target = kTarget) {
    return R"({"kind":"iscsi","iscsi":{"target":")" + target + R"(",)" + members + "}}";
}
std::string on_disk(const std::string& name, const std::string& members) {
    return R"({"name":")" + name + R"(",)" + members + "}";
}
/// Mounted as dracut does it without `rw`.
std::string read_only(const std::string& name, const std::string& attachment) {
    return on_disk(name,
                   R"("remount":true,"mount":{"kind":"attach","attach":{"mount_options":["ro"],"attach":)"
                       + attachment + "}}");
}
std::string written_to(const std::string& name, const std::string& attachment) {
    return on_disk(name,
                   R"("remount":true,"mount":{"kind":"attach","attach":{"attach":)" + attachment + "}}");
}
std::string below_overlay(const std::string& name, const std::string& attachment,
                          const std::string& upper = "") {
    return on_disk(name, R"("mount":{"kind":"overlay","overlay":{"lower":[{"kind":"attach","attach":)"
                         R"({"mount_options":["ro"],"attach":)"
                             + attachment + "}}]" + upper + "}}");
}

struct Row {
    std::string command_line;
    std::string definition;
};

void expect(const std::vector<Row>& rows) {
    for (const Row& row : rows) {
        std::string definition = root_of(row.command_line);
        EXPECT_EQ(definition, row.definition) << row.command_line;
        definition::ParsedDefinition parsed = definition::parse_and_check(definition);
        EXPECT_THAT(parsed.problems, IsEmpty()) << row.command_line << ": " << parsed.problems[0].to_text();
    }
}

TEST(DracutRoot, OfIscsi) {
    const std::string one = iscsi(R"("host":"192.168.50.1","lun":0)");
    const std::string two = iscsi(R"("host":"192.168.50.1","lun":1)", "iqn.2009-06.dracut:target1");
    const std::string chap = R"("chap":{"username":"node","password":"secret"})";
    expect({
        {"root=iscsi:192.168.50.1::::" + kTarget, read_only(kTarget, one)},
        {"root=iscsi:192.168.50.1::::" + kTarget + " ro", read_only(kTarget, one)},
        {"root=iscsi:192.168.50.1::::" + kTarget + " rw", written_to(kTarget, one)},
        {"netroot=iscsi:192.168.50.1::::" + kTarget + " rw", written_to(kTarget, one)},
        {"root=/dev/root netroot=iscsi:192.168.50.1::::" + kTarget + " rd.overlay=1",
         below_overlay(kTarget, one)},
        {"root=iscsi:[2001:DB8::1]::::" + kTarget + " rw",
         written_to(kTarget, iscsi(R"("host":"2001:DB8::1","lun":0)"))},
        {"root=iscsi:node:secret@192.168.50.1::3261::1:" + kTarget + " rw",
         written_to(kTarget, iscsi(R"("host":"192.168.50.1","port":3261,"lun":1,)" + chap))},
        {"root=UUID=12424547 rw netroot=iscsi:192.168.50.1::::" + kTarget
             + " netroot=iscsi:192.168.50.1:::1:iqn.2009-06.dracut:target1",
         written_to("UUID=12424547",
                    R"({"kind":"local","local":{"uuid":"12424547","on":[)" + one + "," + two + "]}}")},
        {"root=/dev/sda2 ro netroot=iscsi:192.168.50.1::::" + kTarget,
         read_only("/dev/sda2", R"({"kind":"local","local":{"path":"/dev/sda2","on":[)" + one + "]}}")},
        {"root=/dev/disk/by-path/ip-192.168.50.1:3260-iscsi-x-lun-0 rw netroot=iscsi:192.168.50.1::::"
             + kTarget,
         written_to("/dev/disk/by-path/ip-192.168.50.1:3260-iscsi-x-lun-0", one)},
        {"root=LABEL=root rw netroot=iscsi rd.iscsi.initiator=iqn.2009-06.dracut:node rd.iscsi.target.name="
             + kTarget
             + " rd.iscsi.target.ip=192.168.50.1 rd.iscsi.target.port=3262 rd.iscsi.target.lun=2 "
               "rd.iscsi.username=node rd.iscsi.password=secret rd.iscsi.in.username=t "
               "rd.iscsi.in.password=other "
               "rd.iscsi.param=node.session.timeo.replacement_timeout=30 "
               "rd.iscsi.param=node.conn[0].iscsi.HeaderDigest=CRC32C",
         written_to("LABEL=root",
                    R"({"kind":"local","local":{"label":"root","on":[)"
                        + iscsi(R"("host":"192.168.50.1","port":3262,"lun":2,"chap":{"username":"node",)"
                                R"("password":"secret","username_in":"t","password_in":"other"},)"
                                R"("initiator":"iqn.2009-06.dracut:node","replacement_timeout":30,)"
                                R"("header_digest":"crc32c")")
                        + "]}}")},
        {"iscsi_target_name=" + kTarget + " iscsi_target_ip=fd00::9 rw",
         written_to(kTarget, iscsi(R"("host":"fd00::9","lun":0)"))},
        {"root=iscsi:::::" + kTarget + " rw", written_to(kTarget, iscsi(R"("host":"DHCP-SERVER","lun":0)"))},
    });
}

TEST(DracutRoot, OfNfs) {
    auto nfs = [](const std::string& name, const std::string& members) {
        return on_disk(name, R"("mount":{"kind":"nfs","nfs":{)" + members + "}}");
    };
    expect({
        {"root=nfs:192.0.2.1:/srv/root",
         nfs("192.0.2.1:/srv/root", R"("host":"192.0.2.1","path":"/srv/root","ro":true)")},
        {"root=nfs4:head:/srv/root:rw,vers=4.2",
         nfs("head:/srv/root", R"("host":"head","path":"/srv/root","version":"4.2")")},
        {"root=nfs:head:/srv/root:rw ro",
         nfs("head:/srv/root", R"("host":"head","path":"/srv/root","ro":true)")},
        {"root=192.0.2.1:/srv/root,v3,nolock rw",
         nfs("192.0.2.1:/srv/root", R"("host":"192.0.2.1","path":"/srv/root","version":"3")")},
        {"root=/dev/nfs nfsroot=192.168.1.2:/nfs/client1,vers=3 rw ip=dhcp rootwait elevator=deadline",
         nfs("192.168.1.2:/nfs/client1", R"("host":"192.168.1.2","path":"/nfs/client1","version":"3")")},
        {"root=/dev/nfs nfsroot=/srv/%s rw",
         nfs("DHCP-SERVER:/srv/HOSTNAME", R"("host":"DHCP-SERVER","path":"/srv/HOSTNAME")")},
        {"root=/srv/root rw rootflags=rsize=8192,noatime",
         nfs("DHCP-SERVER:/srv/root",
             R"("host":"DHCP-SERVER","path":"/srv/root","options":["rsize=8192","noatime"])")},
        {"root=nfs:head:/srv/root rd.live.overlay.overlayfs=1 rd.live.overlay.size=512 "
         "init=/lib/systemd/systemd",
         on_disk(
             "head:/srv/root",
             R"("command":"/lib/systemd/systemd","mount":{"kind":"overlay","overlay":{"lower":[{"kind":"nfs",)"
             R"("nfs":{"host":"head","path":"/srv/root","ro":true}}],"upper":{"size":"512M"}}})")},
    });
}

TEST(DracutRoot, OfNbd) {
    const std::string exported = R"({"kind":"nbd","nbd":{"host":"head","export":"root"}})";
    expect({
        {"root=nbd:head:root rw", written_to("nbd:head:root", exported)},
        {"root=nbd:head:2000 rw",
         written_to("nbd:head:2000", R"({"kind":"nbd","nbd":{"host":"head","port":2000}})")},
        {"root=nbd:[fd00::9]:root:ext4:ro,noatime:timeout=30,persist",
         on_disk(
             "nbd:[fd00::9]:root:ext4:ro,noatime:timeout=30,persist",
             R"("remount":true,"mount":{"kind":"attach","attach":{"fs_type":"ext4","mount_options":)"
             R"(["ro","noatime"],"attach":{"kind":"nbd","nbd":{"host":"fd00::9","export":"root","timeout":30}}}})")},
        {"root=/dev/root netroot=nbd:head:root rw", written_to("root", exported)},
        {"root=/dev/nbd0 netroot=nbd:head:root rw", written_to("/dev/nbd0", exported)},
        {"root=UUID=1 netroot=nbd:head:root rw",
         written_to("UUID=1", R"({"kind":"local","local":{"uuid":"1","on":[)" + exported + "]}}")},
    });
}

TEST(DracutRoot, OfDisksAndLiveImages) {
    const std::string medium = R"("base":"mount","mount":)";
    expect({
        {"root=UUID=3f5ad593-4546-4a94-a374-bcfb68aa11f7 ro quiet",
         read_only("UUID=3f5ad593-4546-4a94-a374-bcfb68aa11f7",
                   R"({"kind":"local","local":{"uuid":"3f5ad593-4546-4a94-a374-bcfb68aa11f7"}})")},
        {"root=PARTLABEL=root rw rootfstype=btrfs rootflags=subvol=@",
         on_disk(
             "PARTLABEL=root",
             R"("remount":true,"mount":{"kind":"attach","attach":{"fs_type":"btrfs","mount_options":["subvol=@"],"attach":)"
             R"({"kind":"local","local":{"partlabel":"root"}}}})")},
        {"root=/dev/disk/by-label/root rw",
         written_to("/dev/disk/by-label/root", R"({"kind":"local","local":{"label":"root"}})")},
        {"root=LABEL=root rd.overlay=LABEL=persist",
         below_overlay("LABEL=root", R"({"kind":"local","local":{"label":"root"}})",
                       R"(,"upper":{"mount":{"kind":"attach","attach":{"attach":{"kind":"local","local":)"
                       R"({"label":"persist"}}}},"path":"overlay"})")},
        {"root=LABEL=root rd.overlay=tmpfs:size=4G",
         below_overlay("LABEL=root", R"({"kind":"local","local":{"label":"root"}})",
                       R"(,"upper":{"size":"4G"})")},
        {"root=live:http://head/root.squashfs rd.live.ram=1",
         on_disk("http://head/root.squashfs",
                 R"("mount":{"kind":"overlay","overlay":{"lower":[{"kind":"uri","uri":)"
                 R"({"uri":"http://head/root.squashfs"}}]}})")},
        {"root=live:http://head/fedora.iso",
         below_overlay("http://head/fedora.iso",
                       R"({"kind":"loopback","loopback":{"path":"/LiveOS/squashfs.img",)" + medium
                           + R"({"kind":"uri","uri":{"uri":"http://head/fedora.iso"}}}})")},
        {"root=live:nfs:head:/images/a.squashfs",
         below_overlay("nfs:head:/images/a.squashfs",
                       R"({"kind":"loopback","loopback":{"path":"/a.squashfs",)" + medium
                           + R"({"kind":"nfs","nfs":{"host":"head","path":"/images","ro":true}}}})")},
        {"root=live:CDLABEL=Fedora rd.live.dir=/images rd.live.squashimg=root.img",
         below_overlay("CDLABEL=Fedora",
                       R"({"kind":"loopback","loopback":{"path":"/images/root.img",)" + medium
                           + R"({"kind":"attach","attach":{"mount_options":["ro"],"attach":{"kind":"local",)"
                           + R"("local":{"label":"Fedora"}}}}}})")},
    });
}

TEST(DracutRoot, OfNvmeOverTcp) {
    EXPECT_EQ(
        root_of(
            "root=LABEL=root rw rd.nvmf.hostnqn=nqn.h rd.nvmf.hostid=11223344-5566-7788-99AA-BBCCDDEEFF00 "
            "rd.nvmf.discover=tcp,192.168.1.3,,4421"),
        written_to("LABEL=root", R"({"kind":"local","local":{"label":"root","on":[{"kind":"nvme","nvme":)"
                                 R"({"host":"192.168.1.3","port":4421,"hostnqn":"nqn.h",)"
                                 R"("hostid":"11223344-5566-7788-99aa-bbccddeeff00"}}]}})"));
    EXPECT_THAT(notices_of("root=LABEL=root rd.nvmf.discover=fc,auto"),
                ElementsAre("rd.nvmf.discover=fc,auto: only tcp,ADDRESS is supported, ignoring"));
}

TEST(DracutRoot, SaysWhatMeansNothingAndWhatCannotBe) {
    EXPECT_THAT(
        notices_of(
            "root=LABEL=root rd.lvm.lv=a/b rd.luks=0 rd.lvm.lv=a/c rd.neednet=1 rd.driver.pre=x quiet"),
        ElementsAre("arguments not used here, ignoring: rd.lvm.lv, rd.luks"));
    EXPECT_EQ(root_of("root=/dev/mapper/rhel-root netroot=iscsi:192.0.2.1::::" + kTarget),
              "root=/dev/mapper/rhel-root: a root on LVM, LUKS or multipath devices is not supported");
    EXPECT_THAT(root_of("root=frobnicate"), HasSubstr("root=frobnicate: unknown root"));
    EXPECT_THAT(root_of("root=iscsi:192.0.2.1::::disk"),
                HasSubstr("no target name in it (iqn., eui. or naa.)"));
    EXPECT_THAT(notices_of("root=nfs:head:/a netroot=iscsi:192.0.2.1::::" + kTarget),
                ElementsAre("root= names the root, ignoring netroot= and rd.iscsi.target.name="));
}

TEST(DracutRoot, IsAskedOfDhcpWhereTheCommandLineLeavesItOut) {
    for (const char* line : {"root=dhcp", "root=dhcp6", "netroot=dhcp", "root=/dev/root netroot=dhcp",
                             "root=/dev/nfs", "root=UUID=1 netroot=dhcp"})
        EXPECT_EQ(root_words(KernelCommandLine::parse(line)), RootWords::dhcp) << line;
    for (const char* line : {"", "quiet", "root=mangrove", "root=/dev/ram0", "root=/dev/root",
                             "root=LABEL=a mangrove.definition=dhcp"})
        EXPECT_EQ(root_words(KernelCommandLine::parse(line)), RootWords::none) << line;
    EXPECT_THAT(definition_sources(KernelCommandLine::parse("quiet")), ElementsAre("dhcp"));
    EXPECT_THAT(definition_sources(KernelCommandLine::parse("root=LABEL=a")), ElementsAre("cmdline"));
    EXPECT_THAT(definition_sources(KernelCommandLine::parse("root=LABEL=a mangrove.definition=file:/a")),
                ElementsAre("file:/a"));
}

TEST(DracutRoot, TakesTheServerAndTheNameFromTheLease) {
    Transcript transcript;
    FakeSystem system{transcript};
    FakeNetwork network(system);
    network.add_card("eth0", kTestMac);
    network.serve_dhcp("eth0", [](ByteView question) { return answer_as_server(question); });
    KernelCommandLine command_line = KernelCommandLine::parse("root=/dev/nfs nfsroot=/srv/%s rw");
    Boot boot{system};
    Search search{boot, command_line};
    Result<Found> found = find_definition(search, "cmdline");
    ASSERT_TRUE(found) << describe(found.error());
    EXPECT_EQ(found->origin, "the kernel command line");
    const Lease& lease = *search.boot.network->lease();
    std::string server = (lease.next_server.is_unspecified() ? lease.server : lease.next_server).to_text();
    EXPECT_THAT(found->text, HasSubstr(text(R"("host":")", server, '"')));
    EXPECT_THAT(found->text, testing::Not(HasSubstr("%s")));
}

TEST(DracutRoot, ItsPageListsWhatTheCodeReads) {
    std::ifstream page(std::string(SOURCE_DIRECTORY) + "/docs/dracut.md");
    std::vector<std::string> documented, read;
    for (std::string line; std::getline(page, line);)
        if (line.starts_with("| `")) documented.push_back(line.substr(0, line.rfind(" | ")));
    for (const KnownArgument& argument : dracut_arguments())
        read.push_back(text("| `", argument.name, "` | ", argument.meaning));
    EXPECT_EQ(documented, read);
}

TEST(Decode, TakesAnArgumentAndAWholeCommandLine) {
    EXPECT_EQ(root_of("base64:e30"), "{}");
    EXPECT_EQ(root_of("e30="), "{}");
    EXPECT_EQ(root_of("quiet mangrove.definition=base64:e30 ip=dhcp"), "{}");
    EXPECT_EQ(root_of("quiet mangrove.definition=http://head/a.json"),
              "the definition is not on the command line; it comes from http://head/a.json");
    EXPECT_EQ(root_of("quiet ip=dhcp"), "the definition is not on the command line; it comes from DHCP");
    EXPECT_THAT(notices_of("root=nfs:/srv/root"),
                ElementsAre("DHCP-SERVER stands for the server that DHCP names"));
    EXPECT_THAT(root_of("mangrove.definition=base64:eyJuYW1lIjoieCI"), HasSubstr("it may be truncated"));
}

} // namespace
} // namespace mangrove
