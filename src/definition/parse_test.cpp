#include "definition/parse.h"

#include <fstream>
#include <gtest/gtest.h>
#include <sstream>

namespace mangrove::definition {
namespace {

std::string read_example(const std::string& name) {
    std::ifstream file(std::string(SOURCE_DIRECTORY) + "/docs/definitions/" + name);
    std::stringstream contents;
    contents << file.rdbuf();
    return contents.str();
}

std::vector<std::string> problems_of(std::string_view written) {
    std::vector<std::string> lines;
    for (const Problem& problem : parse_and_check(written).problems)
        lines.push_back(problem.to_text());
    return lines;
}

/// A definition whose one layer is attached as `attachment` says.
std::string with_attachment(const std::string& attachment) {
    return R"({"name":"x","mount":{"kind":"attach","attach":{"attach":)" + attachment + "}}}";
}
std::string with_nfs(const std::string& members) {
    return R"({"name":"x","mount":{"kind":"nfs","nfs":{"host":"h","path":"/p")" + members + "}}}";
}
std::string with_iscsi(const std::string& members) {
    return with_attachment(
        R"({"kind":"iscsi","iscsi":{"target":"iqn.2003-01.org.example:a","host":"192.0.2.1")" + members
        + "}}");
}

TEST(Parse, TheDocumentedIscsiDefinition) {
    ParsedDefinition parsed = parse_and_check(read_example("iscsi.json"));
    ASSERT_TRUE(parsed.problems.empty()) << parsed.problems[0].to_text();
    EXPECT_EQ(parsed.definition.name, "image.ext4");
    EXPECT_EQ(parsed.definition.command, (std::vector<std::string>{"/usr/lib/systemd/systemd"}));
    const auto& overlay = std::get<MountOverlay>(parsed.definition.mount.kind);
    ASSERT_EQ(overlay.lower.size(), 1u);
    EXPECT_EQ(overlay.upper.size, "50%");
    EXPECT_EQ(overlay.lower[0].json_path, "mount.overlay.lower[0]");
    const auto& attach = std::get<MountAttach>(overlay.lower[0].kind);
    EXPECT_EQ(attach.fs_type, "ext4");
    EXPECT_EQ(attach.mount_options, (std::vector<std::string>{"ro"}));
    const auto& iscsi = std::get<Iscsi>(attach.attachment.kind);
    EXPECT_EQ(iscsi.host, "192.168.3.253");
    EXPECT_EQ(iscsi.port, 3260);
    EXPECT_EQ(iscsi.initiator, "iqn.2003-01.org.linux-iscsi.localhost:888");
    EXPECT_EQ(iscsi.scheduler, "mq-deadline");
    EXPECT_TRUE(needs_network(parsed.definition));
}

TEST(Parse, TheDocumentedRbdDefinitionWithItsStrayKind) {
    ParsedDefinition parsed = parse_and_check(read_example("rbd.json"));
    ASSERT_TRUE(parsed.problems.empty()) << parsed.problems[0].to_text();
    const auto& lower = std::get<MountOverlay>(parsed.definition.mount.kind).lower[0];
    const auto& rbd = std::get<Rbd>(std::get<MountAttach>(lower.kind).attachment.kind);
    EXPECT_EQ(rbd.image, "image1");
    EXPECT_EQ(rbd.user, "admin");
    ASSERT_EQ(rbd.monitors.size(), 1u);
    EXPECT_EQ(rbd.options.size(), 1u);
    EXPECT_EQ(parsed.notices, (std::vector<std::string>{
                                  "means nothing at boot, ignoring: mount.overlay.lower[0].attach.kind"}));
}

TEST(Parse, TheDocumentedNfsLoopbackDefinition) {
    ParsedDefinition parsed = parse_and_check(read_example("nfs-loopback.json"));
    ASSERT_TRUE(parsed.problems.empty()) << parsed.problems[0].to_text();
    const auto& lower = std::get<MountOverlay>(parsed.definition.mount.kind).lower[0];
    const auto& loopback = std::get<Loopback>(std::get<MountAttach>(lower.kind).attachment.kind);
    EXPECT_EQ(loopback.base, Base::mount);
    EXPECT_EQ(std::get<MountNfs>(loopback.mount->kind).path, "/images");
}

TEST(Parse, OptionsOfNfsStandOneByOne) {
    ParsedDefinition parsed =
        parse_and_check(with_nfs(R"(,"options":["nconnect=4,rsize=65536,","noatime"])"));
    ASSERT_TRUE(parsed.problems.empty()) << parsed.problems[0].to_text();
    EXPECT_EQ(std::get<MountNfs>(parsed.definition.mount.kind).options,
              (std::vector<std::string>{"nconnect=4", "rsize=65536", "noatime"}));
}

struct Bad {
    std::string written;
    std::vector<std::string> problems;
};

TEST(Parse, SaysWhatIsWrongAndWhere) {
    const std::string at = "mount.attach.attach";
    const Bad table[] = {
        {"", {"the definition is empty"}},
        {R"({"name":"a","mount":{"kind")",
         {"mount.kind: expected ':' after the key, and the text ends: is it cut short?"}},
        {R"({"name":"a",)", {"expected a key in double quotes, and the text ends: is it cut short?"}},
        {"[]", {"expected an object, found a list"}},
        {"{} x", {"there is text after the end of the definition"}},
        {R"({"name":)", {"name: the text ends where a value should be"}},
        {"{}", {"name: is missing", "mount: is missing"}},
        {R"({"name":"","mount":7})", {"name: is empty", "mount: expected an object, found a number"}},
        {R"({"name":"x","mount":{"kind":"isci"}})",
         {"mount.kind: unknown kind 'isci'; there are attach, bind, nfs, overlay, uri"}},
        {R"({"name":"x","mount":{"kind":"overlay","attach":{}}})",
         {"mount.overlay: is missing", "mount.attach: unknown key"}},
        {R"({"name":"x","mount":{"kind":"overlay","overlay":{"lower":[]}}})",
         {"mount.overlay.lower: is empty: an overlay needs at least one mount"}},
        {with_attachment(R"({"kind":"isci"})"), {at + ".kind: unknown kind 'isci'; did you mean 'iscsi'?"}},
        {with_iscsi(R"(,"prot":1)"), {at + ".iscsi.prot: unknown key; did you mean 'port'?"}},
        {with_iscsi(R"(,"port":70000)"), {at + ".iscsi.port: is out of range (1 to 65535)"}},
        {with_iscsi(R"(,"port":3260.5)"), {at + ".iscsi.port: expected a whole number"}},
        {with_iscsi(R"(,"port":1e999)"), {at + ".iscsi.port: the number 1e999 is out of range"}},
        {with_iscsi(R"(,"port":"3260")"), {at + ".iscsi.port: expected a number, found a string"}},
        {with_iscsi(R"(,"port":03260)"), {at + ".iscsi.port: a number with a leading zero: 03260"}},
        {with_iscsi(R"(,"lun":1,"lun":2)"), {at + ".iscsi.lun: this key stands here twice"}},
        {with_iscsi(R"(,"initiator":"node7")"),
         {at + ".iscsi.initiator: 'node7' is not an iSCSI name: it begins with iqn., eui. or naa."}},
        {with_iscsi(R"(,"portals":["192.0.2.2:99999"])"),
         {at + ".iscsi.portals[0]: '192.0.2.2:99999' is not a host, host:port or [IPv6]:port"}},
        {with_iscsi(R"(,"chap":{"username":"u","password":"p","username_in":"v"})"),
         {at + ".iscsi.chap.password_in: is missing: mutual CHAP needs both"}},
        {with_attachment(R"({"kind":"local","local":{"label":"a","uuid":"b"}})"),
         {at + ".local.path: only one of path, label, uuid and partuuid can be given"}},
        {with_attachment(R"({"kind":"nbd","nbd":{"host":"h","connections":0}})"),
         {at + ".nbd.connections: is out of range (1 to 16)"}},
        {with_nfs(R"(,"options":["nconnect=4","rsize=65536,vers=3"])"),
         {"mount.nfs.options[1]: 'vers=3' cannot be set here: set 'version' instead"}},
        {with_nfs(R"(,"options":["ro","soft","proto=udp"])"),
         {"mount.nfs.options[0]: 'ro' cannot be set here: set 'ro' instead",
          "mount.nfs.options[1]: 'soft' cannot be set here: a root waits for its server",
          "mount.nfs.options[2]: 'proto=udp' cannot be set here: it is always TCP"}},
        {with_nfs(R"(,"options":["port=0","mountport","mountport=65536"])"),
         {"mount.nfs.options[0]: 'port=0': a port is a number from 1 to 65535",
          "mount.nfs.options[1]: 'mountport': a port is a number from 1 to 65535",
          "mount.nfs.options[2]: 'mountport=65536': a port is a number from 1 to 65535"}},
        {with_iscsi(",\"scheduler\":\"\xff\""), {at + ".iscsi.scheduler: bytes that are not UTF-8"}},
        {with_iscsi(R"(,"scheduler":"a\u0000b")"), {at + ".iscsi.scheduler: an unknown escape in a string"}},
        {with_iscsi(std::string(",\"scheduler\":\"a\0b\"", 18)),
         {at + ".iscsi.scheduler: a NUL byte in a string"}},
        {R"({"name":"x","command":"/sbin/init \"a","mount":{"kind":"bind","bind":{"path":"/"}}})",
         {"command: has an open \""}},
    };
    for (const Bad& bad : table)
        EXPECT_EQ(problems_of(bad.written), bad.problems) << bad.written;
}

TEST(Parse, TellsLineAndColumn) {
    ParsedDefinition parsed =
        parse_and_check("{\n  \"name\": \"ä\", \"mont\": 1,\n  \"mount\": {\"kind\": 5}\n}");
    ASSERT_EQ(parsed.problems.size(), 2u);
    EXPECT_EQ(parsed.problems[0].to_text(), "mont: unknown key; did you mean 'mount'?");
    EXPECT_EQ(parsed.problems[0].line, 2u);
    EXPECT_EQ(parsed.problems[0].column, 24u);
    EXPECT_EQ(parsed.problems[1].to_text(), "mount.kind: expected a string, found a number");
    EXPECT_EQ(parsed.problems[1].line, 3u);
}

TEST(Parse, KeepsItsLimits) {
    EXPECT_EQ(problems_of(std::string(10 << 20, ' ')),
              (std::vector<std::string>{"the definition is larger than 1 MiB (10485760 bytes)"}));
    std::string nested = R"({"kind":"bind","bind":{"path":"/","base":"mount","mount":)";
    std::string deep = R"({"name":"x","mount":)";
    for (int i = 0; i < 1000; ++i)
        deep += nested;
    std::vector<std::string> problems = problems_of(deep);
    ASSERT_EQ(problems.size(), 1u);
    EXPECT_TRUE(problems[0].ends_with("nested deeper than 64 levels")) << problems[0];
}

TEST(Parse, ASecretIsNeverInAMessage) {
    for (
        const std::string& line : problems_of(with_iscsi(
            R"(,"chap":{"username":"u","password":"hunter2hunter2","username_in":"v","password_in":"hunter2hunter2"})")))
        EXPECT_EQ(line.find("hunter2"), std::string::npos) << line;
}

TEST(Parse, TellsWhereSecretsStand) {
    Definition open = parse_and_check(with_iscsi("")).definition;
    EXPECT_TRUE(secret_places(open).empty());
    Definition guarded =
        parse_and_check(with_iscsi(R"(,"chap":{"username":"u","password":"correct-horse"})")).definition;
    EXPECT_EQ(secret_places(guarded), (std::vector<std::string>{"mount.attach.attach"}));
    Definition ceph = parse_and_check(read_example("rbd.json")).definition;
    EXPECT_EQ(secret_places(ceph).size(), 1u);
}

TEST(Parse, SplitsTheCommandLikeAShell) {
    ParsedDefinition parsed = parse_and_check(
        R"({"name":"x","command":"/sbin/init 'a b' c\\ d \"e\"","mount":{"kind":"bind","bind":{"path":"/"}}})");
    ASSERT_TRUE(parsed.problems.empty()) << parsed.problems[0].to_text();
    EXPECT_EQ(parsed.definition.command, (std::vector<std::string>{"/sbin/init", "a b", "c d", "e"}));
    EXPECT_FALSE(needs_network(parsed.definition));
}

TEST(Parse, TheBootReportsTheFirstProblemAndCountsTheOthers) {
    EXPECT_EQ(parse_definition("{}").error().what, "name: is missing (and 1 more problem)");
}

} // namespace
} // namespace mangrove::definition
