#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "definition/test_texts.h"

// Every key of the container definition of ImageAPI (github.com/kraken-hpc/imageapi, swagger.yaml), object by
// object: a definition is a superset of it.

namespace mangrove::definition {
namespace {

using testing::ElementsAre;

const std::string kBind = R"({"kind":"bind","bind":{"path":"/p","base":"root"}})";
const std::string kLocal = R"({"kind":"local","local":{"path":"/dev/sda"}})";

std::string with_local_attach(const std::string& members) {
    return with_mount(R"({"kind":"attach","attach":{"attach":)" + kLocal + members + "}}");
}
std::string with_rbd_options(const std::string& members) {
    return with_rbd(R"(,"options":{)" + members + "}");
}

struct Object {
    std::string (*around)(const std::string& members);
    std::vector<std::string> members;
};

const std::vector<Object>& objects() {
    static const std::vector<Object> all = {
        {[](const std::string& members) {
             return R"({"mount":)" + kBind + R"(,"command":"/sbin/init",)" + members + "}";
         },
         {R"("id":1)", R"("logfile":"/var/log/a")", R"("name":"a.b-c_1")", R"("systemd":true)",
          R"("state":"running")", R"("namespaces":["mnt","pid"])", R"("refs":2)"}},
        {[](const std::string& members) {
             return with_mount(R"({"kind":"bind","bind":{"path":"/p","base":"root"},)" + members + "}");
         },
         {R"("id":1)", R"("mountpoint":"/m")", R"("refs":2)"}},
        {[](const std::string& members) { return with_local_attach("," + members); },
         {R"("fs_type":"ext4")", R"("mount_options":["ro"])"}},
        {[](const std::string& members) { return with_overlay(kLower + "," + members); },
         {R"("workdir":"/w")", R"("upperdir":"/u")"}},
        {[](const std::string& members) { return with_bind(R"("path":"/p",)" + members); },
         {R"("base":"root")", R"("base":"mount","mount":)" + kBind, R"("recursive":true)", R"("ro":true)"}},
        {[](const std::string& members) { return with_nfs("," + members); },
         {R"("ro":true)", R"("version":"4.2")", R"("options":["nconnect=4"])"}},
        {[](const std::string& members) {
             return with_attachment(R"({"kind":"local","local":{"path":"/dev/sda"},)" + members + "}");
         },
         {R"("id":1)", R"("device_file":"/dev/sda")", R"("refs":2)"}},
        {[](const std::string& members) {
             return with_attachment(R"({"kind":"loopback","loopback":{"path":"/a",)" + members + "}}");
         },
         {R"("base":"root")", R"("base":"mount","mount":)" + kBind, R"("readPartitions":true)"}},
        {[](const std::string& members) { return with_iscsi("," + members); },
         {R"("initiator":"iqn.2003-01.org.example:i")", R"("lun":0)", R"("port":3260)",
          R"("max_comands":128)", R"("queue_depth":16)", R"("scheduler":"mq-deadline")"}},
        {[](const std::string& members) { return with_rbd("," + members); },
         {R"("device_id":0)", R"("snapshot":"s")", R"("options":{})"}},
        {with_rbd_options,
         {R"("fsid":"f")",
          R"("ip":"192.0.2.2")",
          R"("share":true)",
          R"("noshare":true)",
          R"("crc":true)",
          R"("nocrc":true)",
          R"("ceph_requires_signatures":true)",
          R"("noceph_requires_signatures":true)",
          R"("tcp_nodelay":true)",
          R"("notcp_nodelay":true)",
          R"("cephx_sign_messages":true)",
          R"("nocephx_sign_messages":true)",
          R"("mount_timeout":60)",
          R"("osdkeepalive":5)",
          R"("osd_idle_ttl":60)",
          R"("force":true)",
          R"("rw":true)",
          R"("ro":true)",
          R"("queue_depth":128)",
          R"("lock_on_read":true)",
          R"("exclusive":true)",
          R"("lock_timeout":30)",
          R"("notrim":true)",
          R"("abort_on_full":true)",
          R"("alloc_size":65536)",
          R"("name":"admin")",
          R"("secret":"s")",
          R"("namespace":"n")"}},
    };
    return all;
}

TEST(ImageApi, EveryKeyIsTaken) {
    for (const Object& object : objects())
        for (const std::string& member : object.members) {
            std::string written = object.around(member);
            EXPECT_THAT(problems_of(written), testing::IsEmpty()) << written;
        }
}

TEST(ImageApi, OptionsOfRbdMeanWhatTheKernelCallsDifferently) {
    Definition definition =
        parse_and_check(with_rbd_options(R"("namespace":"n","ceph_requires_signatures":true,"force":true)"))
            .definition;
    const auto& rbd = std::get<Rbd>(std::get<MountAttach>(definition.mount.kind).attachment.kind);
    EXPECT_EQ(rbd.pool_namespace, "n");
    ASSERT_EQ(rbd.options.size(), 1U);
    EXPECT_EQ(rbd.options[0].name, "cephx_require_signatures");
}

TEST(ImageApi, AReferenceToAnObjectOfItsServerIsRefusedWithTheReason) {
    const std::string why = "refers to an object of an ImageAPI server; write the object itself here";
    EXPECT_THAT(problems_of(R"({"mount":{"id":1}})"), ElementsAre("mount.id: " + why));
    EXPECT_THAT(problems_of(with_overlay(R"("lower":[{"id":1},{"id":2}])")),
                ElementsAre("mount.overlay.lower[0].id: " + why, "mount.overlay.lower[1].id: " + why));
    EXPECT_THAT(problems_of(with_attachment(R"({"id":1})")), ElementsAre(kAt + ".id: " + why));
}

TEST(Parse, AnUnderscoreInAnIscsiNameDrawsANotice) {
    ParsedDefinition parsed = parse_and_check(with_iscsi(R"(,"initiator":"iqn.2003-01.org.example:node_7")"));
    EXPECT_TRUE(parsed.problems.empty());
    EXPECT_THAT(parsed.notices,
                ElementsAre(kAt
                            + ".iscsi.initiator: 'iqn.2003-01.org.example:node_7' has a '_', which RFC "
                              "3722 forbids; some targets refuse it"));
}

} // namespace
} // namespace mangrove::definition
