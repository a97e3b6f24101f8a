#include "head/target/target.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "head/host/testing/scripted_host.h"
#include "head/publish/lio.h"
#include "head/publish/tgt.h"

namespace mangrove::head {

namespace {

using testing::HasSubstr;

constexpr const char* kShowTargets = "tgtadm --lld iscsi --mode target --op show";
constexpr const char* kShowPortals = "tgtadm --lld iscsi --mode portal --op show";

struct TargetTest : testing::Test {
    ScriptedHost host;
    std::vector<Record> others;
    Target target =
        complete_target({.name = "Disks", .host = "192.0.2.1", .port = 3261, .login = {.is_open = true}})
            .value();
    Lun lun{.name = "a", .number = 2, .path = "/luns/a.img", .size = 1048576};

    void SetUp() override {
        host.answers[kShowTargets] = "Target 1: iqn.2003-01.org.example:other\n";
        host.answers[kShowPortals] = "Portal: 0.0.0.0:3260,1\nPortal: [::]:3260,1\n";
        host.present = {text(kLioRoot, "/core"), text(kLioRoot, "/core/fileio_0")};
    }
    static std::string shown(const Result<Record>& planned) {
        if (!planned) return describe(planned.error());
        std::vector<std::string> lines;
        for (const Step& step : planned->steps)
            lines.push_back(to_text(step));
        return join(lines, "\n");
    }
    Record started() {
        Record record = plan_target(host, target, others).value();
        host.answers[kShowTargets] = "Target 2: iqn.2026-11.org.mangrove:disks\n";
        return record;
    }
    std::string lun_steps() { return shown(plan_lun(host, started(), lun)); }
};

TEST_F(TargetTest, tgt_listens_where_it_did_not) {
    EXPECT_EQ(
        shown(plan_target(host, target, others)),
        "tgtadm --lld iscsi --mode portal --op new --param portal=192.0.2.1:3261\n"
        "tgtadm --lld iscsi --mode target --op new --tid 2 --targetname iqn.2026-11.org.mangrove:disks\n"
        "tgtadm --lld iscsi --mode target --op bind --tid 2 --initiator-address ALL");
    Record first = plan_target(host, target, others).value();
    host.answers[kShowPortals] += "Portal: 192.0.2.1:3261,1\n";
    EXPECT_THAT(shown(plan_target(host, target, others)), testing::Not(HasSubstr("portal=")));
    others = {first};
    others[0].begun = 1;
    EXPECT_EQ(undo_text(plan_target(host, target, others)->steps[0]), undo_text(first.steps[0]));
    others[0].begun = 0;
    EXPECT_THAT(shown(plan_target(host, target, others)), testing::Not(HasSubstr("portal=")));
    target.port = 3260;
    host.answers[kShowPortals] = "Portal: 0.0.0.0:3260,1\n";
    EXPECT_THAT(shown(plan_target(host, target, others)), testing::Not(HasSubstr("portal=")));
    target.host = "fd00::1";
    EXPECT_THAT(shown(plan_target(host, target, others)),
                HasSubstr("--op new --param 'portal=[fd00::1]:3260'"));
}

TEST_F(TargetTest, a_lun_of_tgt) {
    EXPECT_EQ(lun_steps(), "tgtadm --lld iscsi --mode logicalunit --op new --tid 2 --lun 2 --backing-store "
                           "/luns/a.img");
    target.access = Access::read_only;
    EXPECT_THAT(lun_steps(), HasSubstr("--op update --tid 2 --lun 2 --params readonly=1"));
    Record planned = plan_lun(host, started(), lun).value();
    EXPECT_EQ(planned.id, "Disks:a");
    EXPECT_EQ(undo_text(planned.steps[0]),
              "tgtadm --lld iscsi --mode logicalunit --op delete --tid '*' --lun 2");
}

TEST_F(TargetTest, tgtd_may_give_the_target_another_number) {
    Record record = started();
    Step unit = plan_lun(host, record, lun)->steps[0];
    host.answers[kShowTargets] =
        "Target 2: iqn.2003-01.org.example:other\n    LUN information:\n        LUN: 2\n"
        "Target 7: iqn.2026-11.org.mangrove:disks\n"
        "    LUN information:\n        LUN: 2\n";
    EXPECT_THAT(shown(plan_lun(host, record, lun)), HasSubstr("--op new --tid 7 --lun 2 "));
    EXPECT_EQ(undo_step(host, unit).error().what,
              "not expected: tgtadm --lld iscsi --mode logicalunit --op delete --tid 7 --lun 2");
    EXPECT_EQ(undo_step(host, record.steps[1]).error().what,
              "not expected: tgtadm --lld iscsi --mode target --op delete --force --tid 7");
    EXPECT_FALSE(check_step(host, record.steps[1]));
    host.answers[kShowTargets] = "Target 2: iqn.2003-01.org.example:other\n";
    EXPECT_TRUE(undo_step(host, record.steps[1])) << "the number is another's now";
    EXPECT_EQ(shown(plan_lun(host, record, lun)), "tgtd has no target 'iqn.2026-11.org.mangrove:disks'");
}

/// The same number is a LUN of another target, too.
TEST_F(TargetTest, tgt_is_asked_for_the_lun_of_this_target) {
    Step step = plan_lun(host, started(), lun)->steps[0];
    const std::string unit = "    LUN information:\n        LUN: 2\n            Type: disk\n";
    host.answers[kShowTargets] = "Target 1: iqn.2003-01.org.example:other\n" + unit
                                 + "Target 2: iqn.2026-11.org.mangrove:disks\n    LUN information:\n"
                                   "        LUN: 0\n    ACL information:\n        ALL\n"
                                   "Target 3: iqn.2003-01.org.example:third\n"
                                 + unit;
    EXPECT_FALSE(probe_applied(host, step).value());
    host.answers[kShowTargets] = "Target 7: iqn.2026-11.org.mangrove:disks\n" + unit;
    EXPECT_TRUE(probe_applied(host, step).value());
    EXPECT_EQ(check_step(host, step).error().what,
              "Target *: iqn.2026-11.org.mangrove:disks, LUN information:, LUN: 2 already exists and was "
              "not created by mangrovectl");
}

TEST_F(TargetTest, lio) {
    target.server = "lio";
    const std::string root = kLioRoot, iqn = root + "/iscsi/iqn.2026-11.org.mangrove:disks";
    EXPECT_EQ(shown(plan_target(host, target, others)),
              text("make the directory ", root, "/iscsi\nmake the directory ", iqn, "\nmake the directory ",
                   iqn, "/tpgt_1\nwrite '0' to ", iqn, "/tpgt_1/attrib/authentication\nwrite '1' to ", iqn,
                   "/tpgt_1/attrib/generate_node_acls\nwrite '0' to ", iqn,
                   "/tpgt_1/attrib/demo_mode_write_protect\nmake the directory ", iqn,
                   "/tpgt_1/np/192.0.2.1:3261\nwrite '1' to ", iqn, "/tpgt_1/enable"));
    EXPECT_EQ(lun_steps(),
              text("make the directory ", root, "/core/fileio_1\nmake the directory ", root,
                   "/core/fileio_1/Disks.a\nwrite 'fd_dev_name=/luns/a.img,fd_dev_size=1048576' to ", root,
                   "/core/fileio_1/Disks.a/control\nwrite '1' to ", root,
                   "/core/fileio_1/Disks.a/enable\nmake the directory ", iqn, "/tpgt_1/lun/lun_2\nlink ", iqn,
                   "/tpgt_1/lun/lun_2/Disks.a to ", root, "/core/fileio_1/Disks.a"));
    lun.kind = Lun::Kind::block_device;
    lun.path = "/dev/sdb";
    EXPECT_THAT(lun_steps(),
                HasSubstr("write 'udev_path=/dev/sdb' to " + root + "/core/iblock_0/Disks.a/control"));
    host.present.clear();
    EXPECT_THAT(shown(plan_target(host, target, others)),
                HasSubstr("the kernel's target is not there: modprobe"));
}

TEST_F(TargetTest, tgt_for_named_initiators) {
    target.login = {.initiators = {"iqn.2003-01.org.example:a", "iqn.2003-01.org.example:b"},
                    .user = "node",
                    .password = "secret-of-node"};
    EXPECT_THAT(shown(plan_target(host, target, others)),
                testing::EndsWith("account --op new --user node --password ********\n"
                                  "tgtadm --lld iscsi --mode account --op bind --tid 2 --user node\n"
                                  "tgtadm --lld iscsi --mode target --op bind --tid 2 --initiator-name "
                                  "iqn.2003-01.org.example:a\n"
                                  "tgtadm --lld iscsi --mode target --op bind --tid 2 --initiator-name "
                                  "iqn.2003-01.org.example:b"));
}

TEST_F(TargetTest, lio_for_named_initiators) {
    target.server = "lio";
    target.login = {
        .initiators = {"iqn.2003-01.org.example:a"}, .user = "node", .password = "secret-of-node"};
    const std::string group = lio_group("iqn.2026-11.org.mangrove:disks"),
                      access = group + "/acls/iqn.2003-01.org.example:a";
    EXPECT_THAT(
        shown(plan_target(host, target, others)),
        HasSubstr(text("write '1' to ", group, "/attrib/authentication\nwrite '0' to ", group,
                       "/attrib/generate_node_acls\nwrite '0' to ", group,
                       "/attrib/demo_mode_write_protect\nmake the directory ", access, "\nwrite 'node' to ",
                       access, "/auth/userid\nwrite '********' to ", access, "/auth/password\n")));
    const std::string mapped = text("make the directory ", access, "/lun_2\nlink ", access,
                                    "/lun_2/Disks.a to ", group, "/lun/lun_2\nwrite '");
    EXPECT_THAT(lun_steps(), testing::EndsWith(mapped + "0' to " + access + "/lun_2/write_protect"));
    target.access = Access::read_only;
    EXPECT_THAT(lun_steps(), testing::EndsWith(mapped + "1' to " + access + "/lun_2/write_protect"));
    target.login.initiators.clear();
    EXPECT_THAT(shown(plan_target(host, target, others)), HasSubstr("--chap-file: LIO keeps passwords with"));
}

TEST_F(TargetTest, an_initiator_needs_a_name_that_iscsi_has) {
    for (const char* name : {"node", "iqn.a/../../b", "iqn.a b", ""})
        for (const char* server : {"tgt", "lio"}) {
            target.server = server;
            target.login.initiators = {name};
            EXPECT_THAT(shown(plan_target(host, target, others)), testing::StartsWith("--initiator: '"))
                << name;
        }
    target.login.initiators = {"iqn." + std::string(219, 'a')};
    EXPECT_THAT(shown(plan_target(host, target, others)), HasSubstr("/acls/iqn.a"));
    target.login.initiators[0] += 'a';
    EXPECT_THAT(shown(plan_target(host, target, others)), HasSubstr("more than 223 characters"));
}

TEST_F(TargetTest, the_password_is_in_no_description) {
    target.login = {
        .initiators = {"iqn.2003-01.org.example:a"}, .user = "node", .password = "secret-of-node"};
    Record record = plan_target(host, target, others).value();
    EXPECT_THAT(record.definition, testing::Not(HasSubstr("secret-of-node")));
    Target read = target_from(record).value();
    EXPECT_EQ(read.login.initiators, target.login.initiators);
    EXPECT_EQ(read.login.user, "node");
}

TEST_F(TargetTest, what_is_recorded_is_what_was_asked_for) {
    target.devices = {"/dev/sdb", "/dev/sdc"};
    target.access = Access::read_only;
    Record record = plan_target(host, target, others).value();
    Target read = target_from(record).value();
    EXPECT_EQ(read.name, "Disks");
    EXPECT_EQ(read.iqn, "iqn.2026-11.org.mangrove:disks");
    EXPECT_EQ(read.host, "192.0.2.1");
    EXPECT_EQ(read.port, 3261);
    EXPECT_EQ(read.devices, target.devices);
    EXPECT_EQ(read.access, Access::read_only);
    host.answers[kShowTargets] = "Target 2: iqn.2026-11.org.mangrove:disks\n";
    Lun again = lun_from(plan_lun(host, record, lun).value()).value();
    EXPECT_EQ(again.number, 2U);
    EXPECT_EQ(again.path, "/luns/a.img");
    EXPECT_EQ(again.size, 1048576U);
    EXPECT_EQ(again.kind, Lun::Kind::file);
}

TEST_F(TargetTest, luns_get_the_first_free_number) {
    EXPECT_EQ(free_lun(target, {}), 1U);
    EXPECT_EQ(free_lun(target, {{.name = "a", .number = 1}, {.name = "b", .number = 3}}), 2U);
    target.server = "lio";
    EXPECT_EQ(free_lun(target, {}), 0U);
}

TEST_F(TargetTest, what_everyone_can_write_to_is_asked_for) {
    const Target open{.host = "192.0.2.1"};
    EXPECT_THAT(describe(complete_target(open).error()),
                HasSubstr("every machine that reaches the target could write to its LUNs"));
    Target guarded = open;
    guarded.login.user = "node";
    EXPECT_TRUE(complete_target(guarded));
    guarded.login = {.initiators = {"all"}};
    ASSERT_TRUE(take_open_word(guarded.login));
    EXPECT_TRUE(guarded.login.initiators.empty());
    EXPECT_TRUE(complete_target(guarded));
    guarded = open;
    guarded.access = Access::read_only;
    EXPECT_TRUE(complete_target(guarded));
    guarded.login.initiators = {"iqn.2003-01.org.example:a", "all"};
    EXPECT_FALSE(take_open_word(guarded.login));
}

TEST_F(TargetTest, a_shared_lun_of_lio_has_no_reservations) {
    target.server = "lio";
    const std::string switched_off = "/Disks.a/attrib/emulate_pr";
    EXPECT_THAT(lun_steps(), testing::Not(HasSubstr(switched_off))) << "one that has a single writer";
    target.access = Access::read_only;
    EXPECT_THAT(lun_steps(), HasSubstr(switched_off));
}

TEST_F(TargetTest, says_what_is_wrong) {
    auto wrong = [](const Target& asked) {
        Result<Target> completed = complete_target(asked);
        return completed ? "nothing" : describe(completed.error());
    };
    EXPECT_EQ(wrong({.server = "tgtd", .host = "192.0.2.1"}),
              "--server: unknown server 'tgtd'; did you mean 'tgt'?; there are tgt, lio");
    EXPECT_EQ(wrong({.iqn = "disks", .host = "192.0.2.1"}),
              "--iqn: 'disks' begins with none of iqn., eui., naa.");
    EXPECT_EQ(wrong({.iqn = "iqn.2003-01.org.example:my_disks", .host = "192.0.2.1"}),
              "--iqn: 'iqn.2003-01.org.example:my_disks' has a '_', ',' or ';', which tgtd and nodes refuse");
    EXPECT_EQ(complete_target({.name = "my_disks", .host = "192.0.2.1", .login = {.is_open = true}})->iqn,
              "iqn.2026-11.org.mangrove:my-disks");
    EXPECT_EQ(wrong({.host = "192.0.2.256"}), "--host: '192.0.2.256' is not an IP address");
    EXPECT_EQ(wrong({.host = "192.0.2.1", .port = 0}), "--port: 0 is not a port");
    EXPECT_THAT(wrong({.name = "a/b", .host = "192.0.2.1"}), HasSubstr("while naming a target"));
}

TEST_F(TargetTest, steps_that_tgtd_forgot_get_another_number) {
    Record record = started();
    Record unit = plan_lun(host, record, lun).value();
    host.answers[kShowTargets] = "Target 2: iqn.2003-01.org.example:other\n";
    record.steps[1].undo_words.back() = "2";
    record.steps[1].probe_line = "Target 2: iqn.2026-11.org.mangrove:disks"; // as it was recorded once
    ASSERT_TRUE(renew_tgt(host, record.steps));
    EXPECT_THAT(shown(record), HasSubstr("--op new --tid 1 --targetname iqn.2026-11.org.mangrove:disks\n"));
    EXPECT_THAT(shown(record), HasSubstr("--op bind --tid 1 "));
    EXPECT_EQ(record.steps[1].probe_line, "Target *: iqn.2026-11.org.mangrove:disks");
    EXPECT_EQ(undo_text(record.steps[1]), "tgtadm --lld iscsi --mode target --op delete --force --tid '*'");
    EXPECT_EQ(renew_tgt(host, unit.steps).error().what,
              "tgtd has no target 'iqn.2026-11.org.mangrove:disks'");
    host.answers[kShowTargets] += "Target 7: iqn.2026-11.org.mangrove:disks\n";
    EXPECT_EQ(renew_tgt(host, unit.steps).error().what, "/luns/a.img not found");
    host.present.push_back("/luns/a.img");
    ASSERT_TRUE(renew_tgt(host, unit.steps));
    EXPECT_THAT(shown(unit), HasSubstr("--op new --tid 7 --lun 2 "));
    EXPECT_EQ(unit.steps[0].probe_line, "Target *: iqn.2026-11.org.mangrove:disks\nLUN information:\nLUN: 2");
}

TEST_F(TargetTest, steps_that_lio_forgot_get_a_free_adapter) {
    target.server = "lio";
    Record started = plan_target(host, target, others).value();
    Record unit = plan_lun(host, started, lun).value();
    host.present = {text(kLioRoot, "/core"), text(kLioRoot, "/iscsi"), text(kLioRoot, "/core/fileio_0"),
                    text(kLioRoot, "/core/fileio_1")};
    std::string before = shown(unit);
    ASSERT_TRUE(renew_lio(host, unit.steps));
    EXPECT_THAT(before, HasSubstr("/core/fileio_1"));
    EXPECT_THAT(shown(unit), testing::Not(HasSubstr("/core/fileio_1")));
    EXPECT_THAT(shown(unit),
                HasSubstr("/lun_2/Disks.a to " + std::string(kLioRoot) + "/core/fileio_2/Disks.a"));
    ASSERT_TRUE(renew_lio(host, started.steps));
    EXPECT_THAT(shown(started), testing::StartsWith(text("make the directory ", kLioRoot, "/iscsi/iqn.")));
    host.present = {text(kLioRoot, "/core")};
    ASSERT_TRUE(renew_lio(host, started.steps));
    EXPECT_THAT(shown(started), testing::StartsWith(text("make the directory ", kLioRoot, "/iscsi\n")));
    host.present.clear();
    EXPECT_EQ(renew_lio(host, started.steps).error().what,
              "not expected: modprobe -a target_core_file target_core_iblock iscsi_target_mod");
}

TEST_F(TargetTest, tgtd_that_is_away_is_said) {
    host.answers.clear();
    EXPECT_THAT(shown(plan_target(host, target, others)), HasSubstr("while asking tgtd for its targets"));
}

} // namespace

} // namespace mangrove::head
