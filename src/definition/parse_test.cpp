#include "definition/parse.h"

#include <fstream>
#include <gtest/gtest.h>
#include <sstream>

#include "definition/test_texts.h"

namespace mangrove::definition {
namespace {

std::string read_example(const std::string& name) {
    std::ifstream file(std::string(SOURCE_DIRECTORY) + "/docs/definitions/" + name);
    std::stringstream contents;
    contents << file.rdbuf();
    return contents.str();
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
    EXPECT_EQ(parsed.notices,
              (std::vector<std::string>{"not used at boot, ignoring: mount.overlay.lower[0].attach.kind"}));
}

TEST(Parse, TheDocumentedNfsLoopbackDefinition) {
    ParsedDefinition parsed = parse_and_check(read_example("nfs-loopback.json"));
    ASSERT_TRUE(parsed.problems.empty()) << parsed.problems[0].to_text();
    const auto& lower = std::get<MountOverlay>(parsed.definition.mount.kind).lower[0];
    const auto& loopback = std::get<Loopback>(std::get<MountAttach>(lower.kind).attachment.kind);
    EXPECT_EQ(loopback.base, Base::mount);
    EXPECT_EQ(std::get<MountNfs>(loopback.mount->kind).path, "/images");
}

TEST(Parse, AFileOverHttpThatNothingVerifiesDrawsANotice) {
    std::string plain = with_http(R"("urls":["https://h/a","http://h/a"])");
    EXPECT_EQ(
        parse_and_check(plain).notices,
        (std::vector<std::string>{kAt + ": comes over http without 'verity': nothing verifies the file"}));
    EXPECT_TRUE(parse_and_check(with_http(R"("urls":["https://h/a"])")).notices.empty());
    std::string verified = plain;
    verified.insert(verified.find(R"("attach":{"kind")"),
                    R"("verity":{"root_hash":")" + std::string(64, 'a') + R"("},)");
    ParsedDefinition parsed = parse_and_check(verified);
    EXPECT_TRUE(parsed.problems.empty());
    EXPECT_TRUE(parsed.notices.empty());
}

TEST(Parse, TheKeysOfS3AreInThePlaceOfUsernameAndPassword) {
    auto parsed = [](const std::string& members) {
        definition::Definition whole = parse_and_check(with_http(members)).definition;
        return std::get<Http>(std::get<MountAttach>(whole.mount.kind).attachment.kind);
    };
    Http http = parsed(R"("urls":["http://h/a"],"access_key":"KEY","secret_key":"a/b+c")");
    EXPECT_EQ(http.username, "KEY");
    EXPECT_EQ(http.password, "a/b+c");
    EXPECT_EQ(http.region, "us-east-1");
    EXPECT_EQ(parsed(R"("urls":["http://h/a"],"access_key":"k","secret_key":"s","region":"eu-1")").region,
              "eu-1");
    EXPECT_EQ(parsed(R"("urls":["http://h/a"],"username":"u")").region, "");
}

TEST(Parse, OptionsOfNfsStandOneByOne) {
    ParsedDefinition parsed =
        parse_and_check(with_nfs(R"(,"options":["nconnect=4,rsize=65536,","noatime"])"));
    ASSERT_TRUE(parsed.problems.empty()) << parsed.problems[0].to_text();
    EXPECT_EQ(std::get<MountNfs>(parsed.definition.mount.kind).options,
              (std::vector<std::string>{"nconnect=4", "rsize=65536", "noatime"}));
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

TEST(Parse, AFallbackReportsToTheSamePlaceUnlessItNamesAnother) {
    std::string bind = R"("mount":{"kind":"bind","bind":{"path":"/"}})";
    Definition whole =
        parse_and_check(with_top(R"(,"fallback":[{"name":"y",)" + bind + R"(},{"name":"z",)" + bind
                                 + R"(,"report":{"url":"http://b/","spread":0}}],)"
                                   R"("report":{"url":"https://me:key@a/{mac}"})"))
            .definition;
    ASSERT_EQ(whole.fallback.size(), 2u);
    EXPECT_EQ(whole.fallback[0].report->url, "https://me:key@a/{mac}");
    EXPECT_EQ(whole.fallback[0].report->spread, std::chrono::seconds(30));
    EXPECT_EQ(whole.fallback[1].report->url, "http://b/");
    EXPECT_EQ(whole.fallback[1].report->spread, std::chrono::seconds(0));
    EXPECT_EQ(secret_places(whole).front(), "report.url");
}

TEST(Parse, AFallbackHasTheSameFilesUnlessItNamesOthers) {
    std::string bind = R"("mount":{"kind":"bind","bind":{"path":"/"}})";
    Definition whole =
        parse_and_check(with_top(R"(,"fallback":[{"name":"y",)" + bind + R"(},{"name":"z",)" + bind
                                 + R"(,"files":{"url":"http://b/","interval":5}}],)"
                                   R"("files":{"url":"https://me:key@a/{mac}"})"))
            .definition;
    ASSERT_EQ(whole.fallback.size(), 2u);
    EXPECT_EQ(whole.fallback[0].files->url, "https://me:key@a/{mac}");
    EXPECT_EQ(whole.fallback[0].files->interval, std::chrono::seconds(60));
    EXPECT_EQ(whole.fallback[1].files->url, "http://b/");
    EXPECT_EQ(whole.fallback[1].files->interval, std::chrono::seconds(5));
    EXPECT_EQ(secret_places(whole).front(), "files.url");
}

TEST(Parse, AFallbackHasTheSameReleaseAndHealth) {
    std::string bind = R"("mount":{"kind":"bind","bind":{"path":"/"}})";
    Definition whole =
        parse_and_check(with_top(R"(,"fallback":[{"name":"y",)" + bind
                                 + R"(}],"release":"r-1","health":{"url":"https://me:key@a/{mac}"})"))
            .definition;
    ASSERT_EQ(whole.fallback.size(), 1u);
    EXPECT_EQ(whole.fallback[0].release, "r-1");
    EXPECT_EQ(whole.fallback[0].health->url, "https://me:key@a/{mac}");
    EXPECT_EQ(whole.fallback[0].health->interval, std::chrono::seconds(60));
    EXPECT_EQ(secret_places(whole).front(), "health.url");
    EXPECT_FALSE(parse_and_check(with_top(R"(,"health":{"url":"ftp://a/"})")).problems.empty());
    EXPECT_FALSE(parse_and_check(with_top(R"(,"health":{"url":"http://a/","interval":1})")).problems.empty());
}

TEST(Parse, SplitsTheCommandLikeAShell) {
    ParsedDefinition parsed = parse_and_check(
        R"({"name":"x","command":"/sbin/init 'a b' c\\ d \"e\"","mount":{"kind":"bind","bind":{"path":"/"}}})");
    ASSERT_TRUE(parsed.problems.empty()) << parsed.problems[0].to_text();
    EXPECT_EQ(parsed.definition.command, (std::vector<std::string>{"/sbin/init", "a b", "c d", "e"}));
    EXPECT_FALSE(needs_network(parsed.definition));
}

TEST(Parse, ADiskCanBeOnOthers) {
    std::string iscsi = R"({"kind":"iscsi","iscsi":{"host":"h","chap":{"username":"u","password":"p"}}})";
    ParsedDefinition parsed = parse_and_check(
        with_attachment(R"({"kind":"local","local":{"partlabel":"root","on":[)" + iscsi + "]}}"));
    ASSERT_TRUE(parsed.problems.empty()) << parsed.problems[0].to_text();
    EXPECT_TRUE(needs_network(parsed.definition));
    EXPECT_EQ(secret_places(parsed.definition),
              (std::vector<std::string>{"mount.attach.attach.local.on[0]"}));
}

TEST(Parse, VerityHasTheDefaultsOfItsSuperblock) {
    ParsedDefinition parsed = parse_and_check(with_verity(""));
    ASSERT_TRUE(parsed.problems.empty()) << parsed.problems[0].to_text();
    const std::optional<Verity>& verity = std::get<MountAttach>(parsed.definition.mount.kind).verity;
    ASSERT_TRUE(verity);
    EXPECT_EQ(verity->root_hash, std::string(64, 'a'));
    EXPECT_FALSE(verity->salt || verity->hash_offset || verity->data_blocks || verity->hash_device);
    EXPECT_EQ(verity->on_corruption, OnCorruption::error);
}

TEST(Parse, ReadaheadIsTheKernelsUnlessItIsGiven) {
    auto readahead_of = [](const std::string& members) {
        return std::get<MountAttach>(parse_and_check(with_attach(members)).definition.mount.kind).readahead;
    };
    EXPECT_EQ(readahead_of(""), std::nullopt);
    EXPECT_EQ(readahead_of(R"(,"readahead":0)"), 0u);
    EXPECT_EQ(readahead_of(R"(,"readahead":512)"), 512u);
}

TEST(Parse, TablesAreOnTheDeviceUnlessTheyAreToBeInMemory) {
    auto tables_of = [](const std::string& members) {
        return std::get<MountAttach>(parse_and_check(with_attach(members)).definition.mount.kind).tables;
    };
    EXPECT_EQ(tables_of(""), Tables::device);
    EXPECT_EQ(tables_of(R"(,"tables":"memory")"), Tables::memory);
}

TEST(Parse, AHashDeviceIsAnAttachmentLikeOthers) {
    ParsedDefinition parsed = parse_and_check(with_mount(
        R"({"kind":"attach","attach":{"attach":{"kind":"local","local":{"label":"a"}},"verity":{"root_hash":")"
        + std::string(64, 'a')
        + R"(","hash_device":{"kind":"iscsi","iscsi":{"host":"h","chap":{"username":"u","password":"p"}}}}}})"));
    ASSERT_TRUE(parsed.problems.empty()) << parsed.problems[0].to_text();
    EXPECT_TRUE(needs_network(parsed.definition));
    EXPECT_EQ(secret_places(parsed.definition),
              (std::vector<std::string>{"mount.attach.verity.hash_device"}));
}

TEST(Parse, TheBootReportsTheFirstProblemAndCountsTheOthers) {
    EXPECT_EQ(parse_definition("{\"name\":1}").error().what, "mount: is missing (and 1 more problem)");
}

TEST(Parse, SaysForWhomAndHowLongItIsSigned) {
    std::string rest = R"("mount":{"kind":"bind","bind":{"path":"/"}}})";
    ParsedDefinition parsed =
        parse_and_check(R"({"serial":7,"valid_until":"2027-03-01T12:00:00Z",)"
                        R"("nodes":["52-54-00-AB-34-56","F2C626B7-2C0F-41B4-88B8-2EDF5CD49A54"],)"
                        + rest);
    ASSERT_TRUE(parsed.problems.empty()) << parsed.problems[0].to_text();
    EXPECT_EQ(parsed.definition.serial, 7U);
    EXPECT_EQ(parsed.definition.valid_until, std::chrono::sys_seconds(std::chrono::seconds(1803902400)));
    EXPECT_EQ(parsed.definition.nodes,
              (std::vector<std::string>{"52:54:00:ab:34:56", "f2c626b7-2c0f-41b4-88b8-2edf5cd49a54"}));
    auto problem_with = [&](const std::string& key) {
        ParsedDefinition wrong = parse_and_check("{" + key + "," + rest);
        return wrong.problems.size() == 1 ? wrong.problems[0].to_text() : text(wrong.problems.size());
    };
    EXPECT_EQ(problem_with(R"("serial":0)"), "serial: is out of range (1 to 9007199254740991)");
    EXPECT_EQ(problem_with(R"("valid_until":"tomorrow")"),
              "valid_until: 'tomorrow' is not a time; write it like 2027-03-01T12:00:00Z or 2027-03-01");
    EXPECT_EQ(problem_with(R"("nodes":["n001"])"), "nodes: 'n001' is neither a MAC address nor a UUID");
    EXPECT_EQ(problem_with(R"("nodes":[])"), "nodes: is empty; a definition for every node has no such key");
    EXPECT_EQ(problem_with(R"("fallback":[{"serial":1,)" + rest + "]"), "fallback[0].serial: unknown key");
}

} // namespace
} // namespace mangrove::definition
