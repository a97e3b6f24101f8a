#include "head/publish/publish.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "definition/parse.h"
#include "head/host/files.h"
#include "head/host/testing/collected_progress.h"
#include "head/host/testing/full_tree.h"
#include "head/host/testing/scripted_host.h"
#include "head/image/pack.h"
#include "head/publish/output_format.h"
#include "oci/artifact.h"

namespace mangrove::head {

namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::StartsWith;

std::string unescaped(std::string_view written, bool is_octal) {
    std::string read;
    for (size_t at = 0; at < written.size(); ++at) {
        if (written[at] != '\\') {
            read += written[at];
        } else if (is_octal) {
            read += static_cast<char>(*parse_number(written.substr(at + 1, 3), 8));
            at += 3;
        } else {
            constexpr std::string_view kLetters = "\\snrt";
            constexpr std::string_view kMeanings = "\\ \n\r\t";
            read += kMeanings.at(kLetters.find(written[++at]));
        }
    }
    return read;
}

/// The path in a server's file, as the server's manual says that it is read.
std::string path_in(std::string_view server, const std::string& contents) {
    for (const std::string& line : split(contents, '\n')) {
        if (server == "nbd-server" && line.starts_with("exportname = "))
            return unescaped(line.substr(13), false);
        if (server == "ganesha" && line.starts_with("    Path = \""))
            return line.substr(12, line.size() - 14);
        if (server == "knfsd" && line.starts_with("/"))
            return unescaped(line.substr(0, line.find(' ')), true);
    }
    return "no path";
}

struct PublishTest : testing::Test {
    ScriptedHost host;
    PublishRequest request{.image = {.name = "debian",
                                     .id = "debian-0123456789ab",
                                     .digest = "sha256:0123456789ab" + std::string(52, '0'),
                                     .format = "squashfs",
                                     .compression = "zstd",
                                     .source = "/tree",
                                     .created = "",
                                     .size = 4096,
                                     .kernel_version = "6.1.0",
                                     .directory = "/images/debian-0123456789ab"},
                           .over = "iscsi",
                           .server = "",
                           .address = "192.0.2.1",
                           .command = ""};

    void SetUp() override {
        host.answers["tgtadm --lld iscsi --mode target --op show"] =
            "Target 1: iqn.2003-01.org.example:a\n    System information:\nTarget 3: "
            "iqn.2003-01.org.example:b\n";
    }
    std::string steps() {
        Result<Record> publication = plan_publication(host, request);
        if (!publication) return describe(publication.error());
        std::vector<std::string> lines;
        for (const Step& step : publication->steps)
            lines.push_back(to_text(step));
        return join(lines, "\n");
    }
    /// Parses the definition as a node does.
    definition::Definition definition() {
        Result<Record> publication = plan_publication(host, request);
        EXPECT_TRUE(publication) << describe(publication.error());
        return definition::parse_and_check(publication->definition).definition;
    }
    definition::Attachment attachment() {
        definition::Definition whole = definition();
        const auto& layers = std::get<definition::MountOverlay>(whole.mount.kind).lower;
        const auto& attach = std::get<definition::MountAttach>(layers.at(0).kind);
        EXPECT_EQ(attach.fs_type, "squashfs");
        EXPECT_EQ(join(attach.mount_options, ","), "ro");
        return attach.attachment;
    }
};

TEST_F(PublishTest, tgt_takes_the_first_free_number) {
    EXPECT_EQ(steps(),
              "tgtadm --lld iscsi --mode target --op new --tid 2 --targetname "
              "iqn.2026-11.org.mangrove:debian-0123456789ab\n"
              "tgtadm --lld iscsi --mode logicalunit --op new --tid 2 --lun 1 --backing-store "
              "/images/debian-0123456789ab/debian-0123456789ab.squashfs\n"
              "tgtadm --lld iscsi --mode logicalunit --op update --tid 2 --lun 1 --params readonly=1\n"
              "tgtadm --lld iscsi --mode target --op bind --tid 2 --initiator-address ALL");
    definition::Attachment made = attachment();
    const auto& iscsi = std::get<definition::Iscsi>(made.kind);
    EXPECT_EQ(iscsi.target, "iqn.2026-11.org.mangrove:debian-0123456789ab");
    EXPECT_EQ(iscsi.host, "192.0.2.1");
    EXPECT_EQ(iscsi.lun, 1U);
}

TEST_F(PublishTest, nodes_verify_an_image_that_has_a_hash_tree) {
    host.present = {"/var/www/html"};
    request.directory = "/var/www/html";
    auto verity = [&](const char* over) -> std::optional<definition::Verity> {
        request.over = over;
        definition::Definition whole = definition();
        const auto& layer = std::get<definition::MountOverlay>(whole.mount.kind).lower.at(0);
        const auto* attach = std::get_if<definition::MountAttach>(&layer.kind);
        return attach ? attach->verity : std::nullopt;
    };
    for (const char* over : {"iscsi", "nbd", "nfs", "rbd"})
        EXPECT_FALSE(verity(over)) << "an image of an earlier version, over " << over;
    request.image.root_hash = std::string(64, 'a');
    request.image.hash_offset = 8192;
    for (const char* over : {"iscsi", "nbd", "nfs", "rbd"}) {
        ASSERT_TRUE(verity(over)) << over;
        EXPECT_EQ(verity(over)->root_hash, request.image.root_hash);
        EXPECT_EQ(verity(over)->hash_offset, 8192U);
    }
    EXPECT_FALSE(verity("http")) << "a file has a digest";
    request.is_on_demand = true;
    EXPECT_TRUE(verity("http"));
    request.has_verity = false;
    EXPECT_FALSE(verity("iscsi"));
}

TEST_F(PublishTest, an_iqn_has_no_underscore) {
    request.image.id = "My_image-0123456789ab";
    EXPECT_THAT(steps(), HasSubstr("--targetname iqn.2026-11.org.mangrove:my-image-0123456789ab\n"));
    EXPECT_EQ(std::get<definition::Iscsi>(attachment().kind).target,
              "iqn.2026-11.org.mangrove:my-image-0123456789ab");
}

TEST_F(PublishTest, tgt_with_everything) {
    request.server = "tgt";
    request.target = "iqn.2003-01.org.example:image";
    request.lun = 7;
    request.login.initiators = {"iqn.2003-01.org.example:node"};
    request.login.user = "node";
    request.login.password = "secret-of-node";
    request.backing_type = "sheepdog";
    request.backing_store = "unix:/sheep_store/sock:image";
    EXPECT_EQ(
        steps(),
        "tgtadm --lld iscsi --mode target --op new --tid 2 --targetname iqn.2003-01.org.example:image\n"
        "tgtadm --lld iscsi --mode logicalunit --op new --tid 2 --lun 7 --backing-store "
        "unix:/sheep_store/sock:image --bstype sheepdog\n"
        "tgtadm --lld iscsi --mode logicalunit --op update --tid 2 --lun 7 --params readonly=1\n"
        "tgtadm --lld iscsi --mode account --op new --user node --password ********\n"
        "tgtadm --lld iscsi --mode account --op bind --tid 2 --user node\n"
        "tgtadm --lld iscsi --mode target --op bind --tid 2 --initiator-name iqn.2003-01.org.example:node");
    definition::Attachment made = attachment();
    const auto& iscsi = std::get<definition::Iscsi>(made.kind);
    EXPECT_EQ(iscsi.chap->password, "secret-of-node");
    EXPECT_EQ(iscsi.initiator, "iqn.2003-01.org.example:node");
}

TEST_F(PublishTest, lio_in_demo_mode) {
    request.server = "lio";
    host.present = {"/sys/kernel/config/target/core", "/sys/kernel/config/target/core/fileio_0"};
    const std::string root = "/sys/kernel/config/target", store = root + "/core/fileio_1";
    const std::string target = root + "/iscsi/iqn.2026-11.org.mangrove:debian-0123456789ab",
                      group = target + "/tpgt_1";
    EXPECT_EQ(
        steps(),
        text("make the directory ", root, "/iscsi\nmake the directory ", store, "\nmake the directory ",
             store,
             "/debian-0123456789ab\nwrite "
             "'fd_dev_name=/images/debian-0123456789ab/debian-0123456789ab.squashfs,fd_dev_size=4096' to ",
             store, "/debian-0123456789ab/control\nwrite '1' to ", store,
             "/debian-0123456789ab/enable\nwrite '0' to ", store,
             "/debian-0123456789ab/attrib/emulate_pr\nmake the directory ", target, "\nmake the directory ",
             group, "\nmake the directory ", group, "/lun/lun_0\nlink ", group,
             "/lun/lun_0/debian-0123456789ab to ", store, "/debian-0123456789ab\nwrite '0' to ", group,
             "/attrib/authentication\nwrite '1' to ", group, "/attrib/generate_node_acls\nwrite '1' to ",
             group, "/attrib/demo_mode_write_protect\nmake the directory ", group,
             "/np/192.0.2.1:3260\nwrite '1' to ", group, "/enable"));
    definition::Attachment made = attachment();
    EXPECT_EQ(std::get<definition::Iscsi>(made.kind).lun, 0U);
}

TEST_F(PublishTest, lio_for_one_initiator) {
    request.server = "lio";
    request.login.initiators = {"iqn.2003-01.org.example:node"};
    request.login.user = "node";
    request.login.password = "secret-of-node";
    host.present = {"/sys/kernel/config/target/core", "/sys/kernel/config/target/iscsi"};
    std::string group = "/sys/kernel/config/target/iscsi/iqn.2026-11.org.mangrove:debian-0123456789ab/tpgt_1";
    std::string access = group + "/acls/iqn.2003-01.org.example:node";
    std::string shown = steps();
    EXPECT_THAT(shown, HasSubstr("write '1' to " + group + "/attrib/authentication\n"));
    EXPECT_THAT(shown, HasSubstr("write '0' to " + group + "/attrib/generate_node_acls\n"));
    EXPECT_THAT(shown, HasSubstr(text("make the directory ", access, "\nwrite 'node' to ", access,
                                      "/auth/userid\nwrite '********' to ", access,
                                      "/auth/password\nmake the directory ", access, "/lun_0\nlink ", access,
                                      "/lun_0/debian-0123456789ab to ", group, "/lun/lun_0\nwrite '1' to ",
                                      access, "/lun_0/write_protect\n")));
    request.login.initiators.clear();
    EXPECT_THAT(steps(),
                HasSubstr("--chap-file: LIO keeps passwords with initiators; name them (--initiator)"));
    request.backing_store = "unix:/sheep_store/sock:image";
    EXPECT_THAT(steps(), HasSubstr("--backing and --backing-store cannot be used with --server lio"));
    host.present.clear();
    EXPECT_THAT(steps(),
                HasSubstr("the kernel's target is not there: modprobe -a target_core_file iscsi_target_mod"));
}

TEST_F(PublishTest, nbd_server_gets_a_file_and_is_told_before_and_after) {
    request.over = "nbd";
    Record publication = plan_publication(host, request).value();
    EXPECT_EQ(steps(),
              "\nmake the directory /etc/nbd-server/conf.d\n"
              "write /etc/nbd-server/conf.d/debian-0123456789ab.conf:\n# Written by mangrovectl.\n"
              "[debian-0123456789ab]\n"
              "exportname = /images/debian-0123456789ab/debian-0123456789ab.squashfs\nreadonly = true\n"
              "\nservice nbd-server restart");
    EXPECT_EQ(undo_text(publication.steps.front()),
              "sh -c 'service nbd-server restart || ! pidof nbd-server >/dev/null'");
    definition::Attachment made = attachment();
    EXPECT_EQ(std::get<definition::Nbd>(made.kind).export_name, "debian-0123456789ab");
}

TEST_F(PublishTest, knfsd_exports_the_directory_of_the_image) {
    request.over = "nfs";
    request.clients = "192.0.2.0/24,@nodes";
    host.present = {"/etc/exports.d"};
    EXPECT_EQ(steps(), "\nwrite /etc/exports.d/debian-0123456789ab.exports:\n# Written by mangrovectl.\n"
                       "/images/debian-0123456789ab 192.0.2.0/24(ro,all_squash,subtree_check)\n"
                       "/images/debian-0123456789ab @nodes(ro,all_squash,subtree_check)\n\nexportfs -ra");
    definition::Attachment made = attachment();
    const auto& loopback = std::get<definition::Loopback>(made.kind);
    EXPECT_EQ(loopback.path, "/debian-0123456789ab.squashfs");
    EXPECT_EQ(std::get<definition::MountNfs>(loopback.mount->kind).path, "/images/debian-0123456789ab");
    for (const char* server : {"knfsd", "ganesha"})
        for (const char* clients : {"", "192.0.2.1,", "192.0.2.1 192.0.2.2", "192.0.2.1(rw)"}) {
            request.server = server;
            request.clients = clients;
            EXPECT_THAT(steps(), HasSubstr("is not a list of addresses, networks, names or @netgroups"));
        }
}

TEST_F(PublishTest, a_store_with_a_blank_in_its_name) {
    request.over = "nfs";
    request.image.directory = "/my images/#1/debian";
    EXPECT_THAT(steps(), HasSubstr("\n/my\\040images/\\0431/debian *(ro,all_squash,subtree_check)\n"));
    request.server = "ganesha";
    EXPECT_THAT(steps(), HasSubstr("\n    Path = \"/my images/#1/debian\";\n"));
}

TEST_F(PublishTest, a_directory_of_a_web_server) {
    request.over = "http";
    request.directory = "/var/www/html";
    host.present = {"/var/www/html"};
    request.port = 8080;
    EXPECT_THAT(
        steps(),
        StartsWith("make the directory /var/www/html/debian-0123456789ab\n"
                   "link or copy /images/debian-0123456789ab/debian-0123456789ab.squashfs to "
                   "/var/www/html/debian-0123456789ab/debian-0123456789ab.squashfs\n"
                   "link or copy /images/debian-0123456789ab/vmlinuz-6.1.0 to "
                   "/var/www/html/debian-0123456789ab/vmlinuz-6.1.0\n"
                   "link or copy /images/debian-0123456789ab/initramfs-6.1.0 to "
                   "/var/www/html/debian-0123456789ab/initramfs-6.1.0\n"
                   "write /var/www/html/debian-0123456789ab/boot.ipxe:\n#!ipxe\nkernel vmlinuz-6.1.0 "));
    definition::Definition made = definition();
    const auto& layers = std::get<definition::MountOverlay>(made.mount.kind).lower;
    const auto& uri = std::get<definition::MountUri>(layers.at(0).kind);
    EXPECT_EQ(uri.uri, "http://192.0.2.1:8080/debian-0123456789ab/debian-0123456789ab.squashfs");
    EXPECT_EQ(uri.digest, request.image.digest);
    for (const char* address : {"fd00::1", "[fd00::1]"}) {
        request.address = address;
        EXPECT_THAT(plan_publication(host, request)->definition, HasSubstr("\"http://[fd00::1]:8080/debian"));
    }
    request.is_on_demand = true;
    EXPECT_THAT(std::get<definition::Http>(attachment().kind).urls,
                ElementsAre("http://[fd00::1]:8080/debian-0123456789ab/debian-0123456789ab.squashfs"));
}

TEST_F(PublishTest, nodes_have_what_a_profiled_boot_reads) {
    Stage work = make_test_directory();
    shell(work.path, "mkdir tree; head -c 100000 /dev/urandom >tree/a");
    BootProfile profile;
    profile.files = {{"/a", {{0, 4096}}}};
    request.image.directory = work.path;
    SilentProgress progress;
    ASSERT_TRUE(pack(work.path / "tree", request.image.file(), {.profile = profile}, progress));
    ASSERT_TRUE(write_file(request.image.profile(), to_text(profile)));
    host.present = {"/var/www/html"};
    request.over = "http";
    request.directory = "/var/www/html";
    request.is_on_demand = true;
    EXPECT_THAT(std::get<definition::Http>(attachment().kind).prefetch, IsEmpty());
    request.image.profile_digest = "sha256:0";
    std::vector<definition::ByteRange> ranges = std::get<definition::Http>(attachment().kind).prefetch;
    ASSERT_EQ(ranges.size(), 2U) << "the first block, and the tables";
    EXPECT_EQ(ranges[0].first, 0U);
    EXPECT_GE(ranges[0].last, 65'536U);
}

struct PublishS3 : PublishTest {
    PublishS3() {
        request.over = "s3";
        request.address = "";
        request.url = "https://s3.example:7480/";
        request.bucket = "images";
        request.region = "eu-1";
        request.credentials = "/root/.s3cfg";
        request.records = "/records";
        host.files = {{"/root/.s3cfg", "[default]\naccess_key = WRITER\nsecret_key = w/s\n"},
                      {"/root/node.s3cfg", "access_key=NODE\nsecret_key = n+s\n"}};
        host.answers["s3cmd --version"] = "s3cmd version 2.3.0";
    }
    definition::Http http() { return std::get<definition::Http>(attachment().kind); }
};

TEST_F(PublishS3, puts_the_files_into_a_bucket) {
    std::string s3cmd =
        "s3cmd --config=/root/.s3cfg --host=s3.example:7480 --host-bucket=s3.example:7480 --ssl "
        "--region=eu-1 --no-progress ";
    std::string put = s3cmd + "--no-preserve --mime-type=application/octet-stream put ";
    std::string image = "/images/debian-0123456789ab", object = "s3://images/debian-0123456789ab";
    EXPECT_THAT(steps(), StartsWith(text(
                             "\n", put, image, "/debian-0123456789ab.squashfs ", object,
                             "/debian-0123456789ab.squashfs\n", put, image, "/vmlinuz-6.1.0 ", object,
                             "/vmlinuz-6.1.0\n", put, image, "/initramfs-6.1.0 ", object,
                             "/initramfs-6.1.0\nwrite /records/debian-0123456789ab.boot.ipxe:\n#!ipxe\n")));
    EXPECT_THAT(steps(), testing::EndsWith(text("\n", put, "/records/debian-0123456789ab.boot.ipxe ", object,
                                                "/boot.ipxe")));
    std::vector<Step> made = plan_publication(host, request)->steps;
    EXPECT_EQ(undo_text(made[1]), text(s3cmd, "del ", object, "/debian-0123456789ab.squashfs"));
    EXPECT_THAT(undo_text(made[0]), HasSubstr(s3cmd + "multipart s3://images)"));
    EXPECT_EQ(made[1].probe_line, object + "/debian-0123456789ab.squashfs");
    EXPECT_THAT(http().urls, ElementsAre("https://s3.example:7480/images/debian-0123456789ab/"
                                         "debian-0123456789ab.squashfs"));
    EXPECT_EQ(http().region, "") << "nobody has keys";
}

TEST_F(PublishS3, nodes_get_their_keys_and_never_the_writers) {
    request.node_credentials = "/root/node.s3cfg";
    EXPECT_EQ(http().username, "NODE");
    EXPECT_EQ(http().password, "n+s");
    EXPECT_EQ(http().region, "eu-1");
    EXPECT_THAT(steps(), testing::Not(HasSubstr("boot.ipxe"))) << "everyone could read the keys";
    EXPECT_THAT(plan_publication(host, request)->definition, testing::Not(HasSubstr("WRITER")));
    request.region = kUsualRegion;
    EXPECT_THAT(plan_publication(host, request)->definition, testing::Not(HasSubstr("region")));
    request.node_credentials = request.credentials;
    EXPECT_THAT(steps(), HasSubstr("--node-credentials: holds the writer's keys, which are not for nodes"));
}

TEST_F(PublishS3, everyone_may_read_what_is_named) {
    auto public_files = [&] {
        std::vector<std::string> names;
        for (const Step& step : plan_publication(host, request)->steps)
            if (std::ranges::find(step.words, "--acl-public") != step.words.end())
                names.push_back(step.words.back().substr(step.words.back().rfind('/') + 1));
        return join(names, " ");
    };
    EXPECT_EQ(public_files(), "");
    request.public_read = "boot";
    EXPECT_EQ(public_files(), "vmlinuz-6.1.0 initramfs-6.1.0 boot.ipxe");
    request.public_read = "all";
    EXPECT_EQ(public_files(), "debian-0123456789ab.squashfs vmlinuz-6.1.0 initramfs-6.1.0 boot.ipxe");
}

TEST_F(PublishS3, says_what_is_missing) {
    auto said_with = [&](std::string PublishRequest::*field, const char* value) {
        std::string before = std::exchange(request.*field, value);
        std::string said = steps();
        request.*field = before;
        return said;
    };
    EXPECT_THAT(said_with(&PublishRequest::bucket, ""), HasSubstr("--bucket is required"));
    EXPECT_THAT(said_with(&PublishRequest::bucket, "a/b"), HasSubstr("--bucket: 'a/b' has other characters"));
    for (const char* url : {"", "s3.example", "https://s3.example/images", "http://", "ftp://s3.example"})
        EXPECT_THAT(said_with(&PublishRequest::url, url), HasSubstr("--url is required: the endpoint of S3"))
            << url;
    EXPECT_THAT(said_with(&PublishRequest::credentials, ""), HasSubstr("--credentials is required"));
    EXPECT_THAT(said_with(&PublishRequest::credentials, "/none"), HasSubstr("reading --credentials"));
    host.files["/root/.s3cfg"] = "access_key = WRITER\n";
    EXPECT_THAT(steps(), HasSubstr("--credentials: /root/.s3cfg lacks 'access_key = …' or 'secret_key = …'"));
}

TEST_F(PublishTest, an_address_is_no_url_and_has_no_port) {
    for (const char* address : {"http://192.0.2.1", "192.0.2.1 192.0.2.2", "192.0.2.1/24"}) {
        request.address = address;
        EXPECT_THAT(steps(), HasSubstr("is neither an IP address nor the name of a host"));
    }
    for (const char* address : {"192.0.2.1:3260", "[fd00::1]:3260"}) {
        request.address = address;
        EXPECT_THAT(steps(), HasSubstr("has a port; give it with --port"));
    }
    request.address = "[fd00::1]";
    EXPECT_EQ(std::get<definition::Iscsi>(attachment().kind).host, "fd00::1");
}

TEST_F(PublishTest, rbd_shows_no_key) {
    request.over = "rbd";
    request.address = "192.0.2.1,192.0.2.2";
    request.records = "/records";
    EXPECT_EQ(steps(), "rbd namespace create rbd/debian-0123456789ab\n"
                       "rbd import --no-progress --image-feature layering "
                       "/images/debian-0123456789ab/debian-0123456789ab.squashfs "
                       "rbd/debian-0123456789ab/debian-0123456789ab\n"
                       "rbd snap create --no-progress rbd/debian-0123456789ab/debian-0123456789ab@published\n"
                       "rbd snap protect rbd/debian-0123456789ab/debian-0123456789ab@published\n"
                       "write /records/debian-0123456789ab.keyring:\n[client.mangrove-debian-0123456789ab]\n"
                       "\tkey = ********\n\tcaps mon = \"profile rbd\"\n"
                       "\tcaps osd = \"profile rbd-read-only pool=rbd namespace=debian-0123456789ab\"\n\n"
                       "ceph auth import -i /records/debian-0123456789ab.keyring");
    definition::Attachment made = attachment();
    const auto& rbd = std::get<definition::Rbd>(made.kind);
    EXPECT_EQ(rbd.monitors.size(), 2U);
    EXPECT_EQ(rbd.user, "mangrove-debian-0123456789ab");
    EXPECT_EQ(rbd.secret.size(), 40U);
    EXPECT_EQ(rbd.snapshot, "published");
    EXPECT_EQ(rbd.pool_namespace, "debian-0123456789ab");
}

TEST_F(PublishTest, an_address_is_one_that_a_machine_can_have) {
    for (const char* address :
         {"999.1.1.1", "192.0.2", "0.0.0.0", "::", "224.0.0.1", "ff02::1", "255.255.255.255", "-head",
          "head_of..nodes", "fd00::1::2", "a\"b", "$(id)"}) {
        request.address = address;
        EXPECT_THAT(steps(), StartsWith("--address: '")) << address;
    }
    for (const char* address : {"head", "head.example.org.", "192.0.2.1", "fe80::1"}) {
        request.address = address;
        EXPECT_THAT(steps(), StartsWith("tgtadm ")) << address;
    }
    request.over = "rbd";
    for (const char* address : {"192.0.2.1,999.1.1.1", "192.0.2.1,", "192.0.2.256:6789"}) {
        request.address = address;
        EXPECT_THAT(steps(), StartsWith("--address: '")) << address;
    }
    request.address = "192.0.2.1:6789,[fd00::1]:3300,mon1";
    EXPECT_THAT(steps(), StartsWith("rbd "));
}

TEST_F(PublishTest, warns_of_what_the_server_cannot_know) {
    auto warnings = [&](const char* server) { return join(publish_warnings(host, request, server), "\n"); };
    EXPECT_EQ(warnings("lio"), "");
    EXPECT_THAT(warnings("tgt"), HasSubstr("reserve the disk"));
    request.login.user = "node";
    EXPECT_EQ(warnings("tgt"), "");
    request.address = "192.0.2.7";
    EXPECT_EQ(warnings("lio"), "--address: no interface of this machine has the address 192.0.2.7");
    request.address = "head";
    EXPECT_THAT(warnings("lio"), HasSubstr("nodes need a name server to look up 'head'"));
    request.address = "[fd00::1]";
    request.over = "nfs";
    host.is_on_root = true;
    EXPECT_THAT(warnings("knfsd"), HasSubstr("every machine that reaches this server can read the image"));
    request.clients = "192.0.2.0/24";
    EXPECT_THAT(warnings("knfsd"), StartsWith("/images/debian-0123456789ab is on the root file system"));
}

/// Other programs read what is written for them as it was meant, or it is refused.
TEST_F(PublishTest, foreign_formats_quote_or_refuse) {
    struct Format {
        const char* over;
        const char* server;
        const char* refused; ///< characters of a path that the format cannot hold
    };
    constexpr Format kFormats[] = {{"nbd", "nbd-server", "%"},     {"nfs", "knfsd", ""},
                                   {"nfs", "ganesha", "\"\\\n\t"}, {"iscsi", "lio", ",\n"},
                                   {"iscsi", "tgt", ",\n"},        {"rbd", "ceph", ""},
                                   {"http", "directory", ""}};
    host.present = {"/sys/kernel/config/target/core", "/web"};
    request.directory = "/etc/conf.d";
    request.records = "/records";
    for (const char* path : {"/a b", "/a\"b", "/a'b", "/a\nb", "/a,b", "/${a}", "/%s", "/#a", "/a\\b",
                             "/a\tb", "/a;b", "/a b\\", "/[a]", "/a=b", "/`id`", "/*", "/ä"})
        for (const Format& format : kFormats) {
            request.over = format.over;
            request.server = format.server;
            request.directory = format.over == std::string_view("http") ? "/web" : "/etc/conf.d";
            request.image.directory = path;
            bool is_refused = std::string_view(path).find_first_of(format.refused) != std::string_view::npos;
            Result<Record> planned = plan_publication(host, request);
            EXPECT_EQ(!planned, is_refused) << format.server << " " << path;
            if (!planned) continue;
            for (const Step& step : planned->steps) {
                if (step.kind == Step::Kind::file && step.path.starts_with("/etc/")) {
                    EXPECT_EQ(path_in(format.server, step.contents), format.over == std::string_view("nbd")
                                                                         ? request.image.file().native()
                                                                         : request.image.directory.native());
                }
                if (step.kind == Step::Kind::attribute && step.path.ends_with("/control")) {
                    EXPECT_EQ(split(step.contents, ',').size(), 2U);
                }
            }
        }
    request.image.directory = "/images";
    for (const char* version :
         {"6.1\nshell", "6.1 x", "${x}", "6.1'", "6.1\"", "6,1", "#6", "%6", "6\\1", "../6.1", "6.1||x"}) {
        request.image.kernel_version = version;
        EXPECT_FALSE(render("{}", request.image, OutputFormat::ipxe)) << version;
    }
    request.image.kernel_version = "6.12.0-rc1+deb13~bpo_amd64";
    EXPECT_TRUE(render("{}", request.image, OutputFormat::ipxe));
    for (const char* id : {"a\nb", "a b", "a\"b", "a,b", "${a}", "#a", "a\\b", "%a"}) {
        request.image.id = id;
        for (OutputFormat format : {OutputFormat::dnsmasq, OutputFormat::kea, OutputFormat::ipxe})
            EXPECT_FALSE(render("{}", request.image, format)) << id;
    }
    request.image.id = "debian-0123456789ab";
    // A definition may hold anything: it goes in base64.
    for (OutputFormat format :
         {OutputFormat::argument, OutputFormat::dnsmasq, OutputFormat::kea, OutputFormat::ipxe})
        EXPECT_THAT(render(R"({"name":"a\"b\n${x},%#' "})", request.image, format).value(),
                    testing::Not(HasSubstr("a\\\"b")));
    request.over = "rbd";
    request.server = "";
    for (const char* pool : {"", "a/b", "a@b", "-a", "a b", "a\nb", "a\"b", "a,b", "${a}"}) {
        request.pool = pool;
        EXPECT_THAT(steps(), StartsWith("--pool: '")) << pool;
    }
    request.over = "nfs";
    for (const char* server : {"knfsd", "ganesha"})
        for (const char* clients : {"a b", "a;b", "a}b", "a\nb", "a\"b", "-x", "#a", "a(rw)", "a\\b", "$a"}) {
            request.server = server;
            request.clients = clients;
            EXPECT_THAT(steps(), StartsWith("--clients: '")) << clients;
        }
    request.over = "iscsi";
    for (const char* server : {"tgt", "lio"})
        for (const char* name : {"iqn.a b", "iqn.a\nb", "iqn.a,b", "iqn.a/b", "iqn.a\"b", "iqn.${a}", "iqn.#",
                                 "iqn.%s", "iqn.a\\b"}) {
            request.server = server;
            request.target = name;
            EXPECT_THAT(steps(), StartsWith("--target: '")) << name;
            request.target = "";
            request.login.initiators = {name};
            EXPECT_THAT(steps(), StartsWith("--initiator: '")) << name;
            request.login.initiators = {};
        }
}

TEST_F(PublishTest, says_what_is_wrong) {
    request.over = "iscis";
    EXPECT_THAT(steps(),
                HasSubstr("--over: unknown transport 'iscis'; did you mean 'iscsi'?; there are iscsi, nbd"));
    request.over = "nfs";
    request.server = "ganehsa";
    EXPECT_THAT(steps(),
                HasSubstr("nothing is published over nfs by 'ganehsa'; did you mean 'ganesha'?; there are "
                          "knfsd, ganesha"));
    request = {.image = request.image, .over = "iscsi", .server = "", .address = "", .command = ""};
    EXPECT_THAT(steps(), HasSubstr("--address is required: the address at which nodes reach this server"));
    request.address = "192.0.2.1";
    request.lun = 0;
    EXPECT_THAT(steps(), HasSubstr("--lun: tgt uses LUN 0 for its controller; use 1 or higher"));
    request.lun = 1;
    host.answers.clear();
    EXPECT_THAT(steps(), HasSubstr("while asking tgtd for its targets"));
    request.over = "http";
    EXPECT_THAT(steps(), HasSubstr("--directory is required: a directory that the web server serves"));
    request.directory = "/web";
    EXPECT_THAT(steps(), HasSubstr("--directory: there is no directory /web"));
}

TEST_F(PublishTest, every_format_holds_the_definition) {
    std::string written = plan_publication(host, request)->definition;
    auto handed = [&](const char* form) {
        return render(written, request.image, output_format_from(form).value()).value();
    };
    EXPECT_EQ(handed("definition"), written);
    std::string argument(trim(handed("argument")));
    EXPECT_EQ(argument.substr(0, 27), "mangrove.definition=base64:");
    std::string value = argument.substr(20);
    EXPECT_EQ(handed("dnsmasq"),
              "# Mangrove: the definition of debian-0123456789ab\ndhcp-option-force=224," + value + "\n");
    EXPECT_THAT(handed("kea"), HasSubstr("\"data\": \"" + value + "\""));
    EXPECT_EQ(handed("ipxe"),
              "#!ipxe\nkernel vmlinuz-6.1.0 initrd=initramfs-6.1.0 BOOTIF=01-${netX/mac:hexhyp} " + argument
                  + " ${arguments}\ninitrd initramfs-6.1.0\nboot\n");
    EXPECT_EQ(output_format_from("ipex").error().what,
              "--print: unknown form 'ipex'; did you mean 'ipxe'?; there are "
              "definition, argument, dnsmasq, kea, ipxe");
}

TEST_F(PublishTest, a_definition_that_is_too_long_for_an_option_goes_by_a_web_server) {
    request.command = "/sbin/init";
    for (int i = 0; i < 40; ++i)
        request.command += text(" --option-", i * 7919 % 1000);
    std::string written = plan_publication(host, request)->definition;
    EXPECT_THAT(render(written, request.image, OutputFormat::dnsmasq).value(),
                HasSubstr("dhcp-option-force=224,http://SERVER/debian-0123456789ab.json\n"));
}

struct PublishOci : PublishTest {
    PublishOci() {
        shell(work.path,
              "echo image >debian-0123456789ab.squashfs; echo kernel >vmlinuz-6.1.0; echo initramfs "
              ">initramfs-6.1.0; echo / >contents; touch packages");
        request.over = "oci";
        request.address = "";
        request.repository = "registry.example:5000/site/node";
        request.records = "/records";
        request.image.directory = work.path;
        host.files = {{"/root/node", "node:a:b\n"}};
    }
    definition::Http http() { return std::get<definition::Http>(attachment().kind); }
    std::string contents_of(const std::string& name) {
        for (const Step& step : plan_publication(host, request)->steps)
            if (step.path.ends_with(name)) return step.contents;
        return "none";
    }

    Stage work = make_test_directory();
};

TEST_F(PublishOci, pushes_an_artifact_whose_digest_is_known) {
    std::string url = http().urls.at(0);
    ASSERT_THAT(url, StartsWith("oci://registry.example:5000/site/node@sha256:"));
    std::string digest = url.substr(url.find('@') + 1);
    std::string manifest = contents_of("/records/debian-0123456789ab.oci/blobs/sha256/" + digest.substr(7));
    EXPECT_EQ("sha256:" + digest_of_text(manifest), digest);
    Result<std::vector<oci::Layer>> layers = oci::layers_of(manifest);
    ASSERT_TRUE(layers) << describe(layers.error());
    EXPECT_EQ(oci::image_of(*layers)->digest, request.image.digest);
    std::vector<std::string> titles;
    for (const oci::Layer& layer : *layers)
        titles.push_back(layer.title);
    EXPECT_THAT(titles,
                ElementsAre("debian-0123456789ab.squashfs", "contents", "vmlinuz-6.1.0", "initramfs-6.1.0"));
    EXPECT_THAT(steps(), testing::EndsWith(
                             "\nskopeo copy --quiet --preserve-digests oci:/records/debian-0123456789ab.oci "
                             "docker://registry.example:5000/site/node:debian-0123456789ab"));
    EXPECT_THAT(undo_text(plan_publication(host, request)->steps.back()),
                testing::EndsWith(" sh skopeo delete docker://registry.example:5000/site/node@" + digest));
    request.authfile = "/root/auth.json";
    EXPECT_THAT(steps(), HasSubstr("--preserve-digests --authfile /root/auth.json oci:"));
}

TEST_F(PublishOci, nodes_get_their_password) {
    EXPECT_EQ(http().username, "");
    request.node_credentials = "/root/node";
    EXPECT_EQ(http().username, "node");
    EXPECT_EQ(http().password, "a:b");
    host.files["/root/node"] = "node\n";
    EXPECT_THAT(steps(), HasSubstr("--node-credentials: /root/node does not hold USER:PASSWORD"));
}

TEST_F(PublishOci, refuses_what_skopeo_takes_for_something_else) {
    auto said = [&](const char* repository) {
        request.repository = repository;
        return steps();
    };
    EXPECT_THAT(said(""), HasSubstr("--repository is required"));
    EXPECT_THAT(said("registry/node"), HasSubstr("'registry' has neither a dot nor a port"));
    EXPECT_THAT(said("registry.example"), HasSubstr("no repository"));
    EXPECT_THAT(said("registry.example/node:v1"), HasSubstr("has a tag or a digest"));
    EXPECT_THAT(said("registry.example/Node"), HasSubstr("invalid repository 'Node'"));
}

} // namespace

} // namespace mangrove::head
