#include "head/publish/serving.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "head/host/testing/scripted_host.h"
#include "head/publish/lio.h"
#include "head/publish/tgt.h"

namespace mangrove::head {

namespace {

using testing::HasSubstr;

constexpr const char* kIqn = "iqn.2026-11.org.mangrove:debian-0123456789ab";

Record publication(const char* server, const std::string& attachment) {
    return {.id = "debian-0123456789ab.x",
            .image = "debian-0123456789ab",
            .over = "x",
            .server = server,
            .definition = text(
                R"({"name":"x","mount":{"kind":"overlay","overlay":{"lower":[{"kind":"attach","attach":{)",
                R"("attach":)", attachment, "}}]}}}"),
            .steps = {}};
}

const std::string kIscsi =
    text(R"({"kind":"iscsi","iscsi":{"host":"192.0.2.1","target":")", kIqn, R"(","lun":1}})");
const std::string kNbd =
    R"({"kind":"nbd","nbd":{"host":"192.0.2.1","export":"debian-0123456789ab","port":10810}})";
const std::string kRbd = R"({"kind":"rbd","rbd":{"monitors":["192.0.2.1"],"pool":"rbd","image":"i",
    "snapshot":"s","options":{"name":"mangrove-debian-0123456789ab","secret":"k"}}})";

struct ServingTest : testing::Test {
    ScriptedHost host;
    std::string used(const Record& record) {
        Result<std::vector<User>> users = users_of(host, record);
        return !users ? describe(users.error()) : users->empty() ? "" : to_text(*users);
    }
};

/// As tgtadm 1.0.85 prints it.
TEST_F(ServingTest, tgtd_says_which_initiators_are_logged_in) {
    const std::string nexus = "    I_T nexus information:\n        I_T nexus: 1\n            Initiator: "
                              "iqn.2003-01.org.example:a b alias: none\n            Connection: 0\n"
                              "                IP Address: 192.0.2.101\n        I_T nexus: 2\n            "
                              "Initiator: iqn.2003-01.org.example:c alias: node2\n            Connection: 0\n"
                              "                IP Address: fd00::2\n";
    host.answers["tgtadm --lld iscsi --mode target --op show"] =
        text("Target 1: ", kIqn, "\n    System information:\n        Driver: iscsi\n", nexus,
             "Target 2: iqn.2003-01.org.example:other\n    I_T nexus information:\n        I_T nexus: 7\n"
             "            Initiator: iqn.2003-01.org.example:z alias: none\n");
    EXPECT_EQ(
        used(publication("tgt", kIscsi)),
        "2 nodes use it: iqn.2003-01.org.example:a b (192.0.2.101), iqn.2003-01.org.example:c (fd00::2)");
    Record target{.id = "disks",
                  .image = "disks",
                  .over = "iscsi",
                  .server = "tgt",
                  .definition = R"({"name":"disks","iqn":"iqn.2003-01.org.example:other"})",
                  .steps = {}};
    EXPECT_EQ(used(target), "1 node uses it: iqn.2003-01.org.example:z");
    target.id = "disks:a";
    EXPECT_EQ(used(target), "") << "a LUN has no sessions of its own";
    host.answers.clear();
    EXPECT_THAT(used(publication("tgt", kIscsi)),
                HasSubstr("while asking tgtd which initiators are logged in"));
}

TEST_F(ServingTest, sessions_of_tgtd_are_ended_after_nobody_can_log_in) {
    const std::string show = "tgtadm --lld iscsi --mode target --op show";
    host.answers = {
        {show, text("Target 7: ", kIqn, "\n")},
        {"tgtadm --lld iscsi --mode target --op unbind --tid 7 --initiator-address ALL", ""},
        {"tgtadm --lld iscsi --mode conn --op show --tid 7",
         "Session: 3\n    Connection: 0\n        Initiator: iqn.a\nSession: 5\n    Connection: 1\n"},
        {"tgtadm --lld iscsi --mode conn --op delete --tid 7 --sid 3 --cid 0", ""}};
    Record record = publication("tgt", kIscsi);
    record.steps = {target_step("2", kIqn), tgt_bind_step("2", kIqn, "--initiator-address", "ALL")};
    EXPECT_EQ(end_users(host, record).error().what,
              "not expected: tgtadm --lld iscsi --mode conn --op delete --tid 7 --sid 5 --cid 1");
    host.answers["tgtadm --lld iscsi --mode conn --op delete --tid 7 --sid 5 --cid 1"] = "";
    EXPECT_TRUE(end_users(host, record));
    host.answers = {{show, ""}};
    EXPECT_TRUE(end_users(host, record)) << "no target, no sessions";
}

/// As lio_target_nacl_info_show and target_show_dynamic_sessions of the kernel print it.
TEST_F(ServingTest, lio_says_which_initiators_are_logged_in) {
    std::string group = lio_group(kIqn);
    host.files[group + "/dynamic_sessions"] = std::string("iqn.2003-01.org.example:a\n\0", 27);
    host.files[group + "/acls/iqn.2003-01.org.example:b/info"] =
        "InitiatorName: iqn.2003-01.org.example:b\nInitiatorAlias: \nLIO Session ID: 1   ISID: 0x00 02 3d\n"
        "CID: 0  Connection State: TARG_CONN_STATE_LOGGED_IN\n   Address 192.0.2.102 TCP  StatSN: 0x1\n";
    host.files[group + "/acls/iqn.2003-01.org.example:c/info"] =
        "No active iSCSI Session for Initiator Endpoint: iqn.2003-01.org.example:c\n";
    EXPECT_EQ(used(publication("lio", kIscsi)),
              "2 nodes use it: iqn.2003-01.org.example:a, iqn.2003-01.org.example:b (192.0.2.102)");
    host.files.clear();
    EXPECT_EQ(used(publication("lio", kIscsi)), "");
}

TEST_F(ServingTest, nbd_server_has_a_process_for_each_client_of_an_export) {
    host.answers["ss -Htnp state established ( sport = :10810 )"] =
        "0      0      192.0.2.1:10810    192.0.2.101:40000 users:((\"nbd-server\",pid=70,fd=4))\n"
        "0      0      192.0.2.1:10810    [fd00::2]:40000   users:((\"nbd-server\",pid=71,fd=4))\n"
        "0      0      192.0.2.1:10810    192.0.2.103:40000 users:((\"nbd-server\",pid=72,fd=4))\n"
        "0      0      192.0.2.1:10810    192.0.2.104:40000\n";
    host.files["/proc/70/fd"] = "/images/debian-0123456789ab/debian-0123456789ab.squashfs";
    host.files["/proc/71/fd"] = "/images/debian-0123456789ab/debian-0123456789ab.squashfs";
    host.files["/proc/72/fd"] = "/images/other-0123456789ab/other-0123456789ab.squashfs";
    EXPECT_EQ(used(publication("nbd-server", kNbd)), "2 nodes use it: 192.0.2.101, [fd00::2]");
}

TEST_F(ServingTest, knfsd_knows_which_clients_have_the_image_open) {
    host.files = {
        {"/proc/fs/nfsd/clients/5/info", "clientid: 0x1\naddress: \"192.0.2.101:912\"\nname: \"x\"\n"},
        {"/proc/fs/nfsd/clients/5/states",
         "- 0x1: { type: open, access: r-, superblock: \"fd:01:7\", filename: "
         "\"debian-0123456789ab/debian-0123456789ab.squashfs\" }\n"},
        {"/proc/fs/nfsd/clients/6/info", "clientid: 0x2\naddress: \"192.0.2.102:912\"\n"},
        {"/proc/fs/nfsd/clients/6/states", "- 0x1: { filename: \"home/file\" }\n"}};
    EXPECT_EQ(used(publication("knfsd", kNbd)), "1 node uses it: 192.0.2.101");
}

TEST_F(ServingTest, monitors_of_ceph_know_the_sessions_of_the_images_user) {
    host.answers["ceph mon dump --format json"] = R"({"mons":[{"name":"a"},{"name":"b"}]})";
    host.answers["ceph tell mon.a sessions --format json"] =
        R"([{"entity_name":"client.admin","socket_addr":{"addr":"192.0.2.1:0"}},
            {"entity_name":"client.mangrove-debian-0123456789ab","socket_addr":{"addr":"192.0.2.101:0"}}])";
    host.answers["ceph tell mon.b sessions --format json"] = "[]";
    EXPECT_EQ(used(publication("ceph", kRbd)), "1 node uses it: 192.0.2.101");
}

TEST_F(ServingTest, a_web_server_has_no_sessions) {
    EXPECT_EQ(used(publication("directory", kNbd)), "");
    EXPECT_EQ(used(publication("unknown", kNbd)), "");
}

TEST_F(ServingTest, what_is_not_served_is_said_with_what_to_do) {
    auto said = [&](const char* server, std::string attachment) {
        // Nobody listens at port 1.
        size_t place = attachment.find("192.0.2.1");
        attachment.replace(place, 10, "127.0.0.1\",\"port\":1");
        return check_served(host, publication(server, attachment), 0).error().what;
    };
    EXPECT_EQ(said("tgt", kIscsi),
              "nothing listens at 127.0.0.1:1; tgtd is not running; run systemctl start tgt");
    EXPECT_EQ(said("lio", kIscsi), "nothing listens at 127.0.0.1:1; mangrovectl restore");
}

} // namespace

} // namespace mangrove::head
