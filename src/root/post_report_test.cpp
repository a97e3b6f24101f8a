#include "root/post_report.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/log.h"
#include "definition/parse.h"
#include "machine/run_files.h"
#include "net/fetch.h"
#include "root/report.h"
#include "root/report_unit.h"
#include "root/root.h"
#include "system/fake/downloads.h"
#include "system/fake/network.h"

namespace mangrove {
namespace {

using testing::HasSubstr;

constexpr const char* kUrl = "https://192.0.2.1/reports/node7/52:54:00:12:34:56";
constexpr const char* kUnit = "/run/systemd/system/mangrove-report.service";

definition::Definition definition_with(const std::string& members) {
    return definition::parse_definition(R"({"name":"x","mount":{"kind":"bind","bind":{"path":"/"}})" + members
                                        + "}")
        .value();
}

/// A node whose network is up, at the end of its boot, and the server that its report goes to.
struct PostReport : testing::Test {
    PostReport() {
        system.use(downloads);
        system.add_file("/proc/cmdline", "quiet\n");
        system.add_file("/proc/self/exe", "program");
        system.add_file(kAuthorities, "certificates");
        system.add_file(kReportPath, R"({"name":"debian"})");
        ConfiguredLink& link = network.emplace().links.emplace_back();
        link.link.mac = *MacAddress::parse("52:54:00:12:34:56");
        link.addresses.emplace_back().address = *IpAddress::parse("192.0.2.10");
        set_log_sink([this](LogLevel level, std::string_view line) { log += shown_line(level, line); });
    }
    ~PostReport() override {
        set_log_sink([](LogLevel, std::string_view) {});
    }

    /// As at the end of a boot.
    Result<> install(seconds spread = seconds(30)) { return install_report_unit(system, {kUrl, spread}); }
    void answer(unsigned status) { downloads.serve(kUrl, {.head = {.status = status}}); }

    Transcript transcript;
    FakeSystem system{transcript};
    FakeDownloads downloads{transcript};
    Boot boot{system};
    std::optional<NetworkConfiguration>& network = boot.network;
    std::string log;
};

TEST_F(PostReport, GoesToTheUrlOfThisNode) {
    definition::Definition definition = definition_with(
        R"(,"hostname":"node7","report":{"url":"https://192.0.2.1/reports/{hostname}/{mac}"})");
    Root root{.path = {}, .undo = {}, .command = {"/sbin/init"}};
    ASSERT_TRUE(hand_over(boot, definition, root));
    ASSERT_TRUE(root.report);
    EXPECT_EQ(root.report->url, kUrl);
    ASSERT_TRUE(leave_root(boot, root));
    EXPECT_EQ(system.file(kReportPostPath), text(R"({"url":")", kUrl, R"(","spread":30})", "\n"));
    EXPECT_EQ(system.file(kServerAuthorities), "certificates");
    EXPECT_THAT(system.file(kUnit).value_or(""), HasSubstr("ExecStart=/run/mangrove/mangrove post-report\n"));
    EXPECT_EQ(system.read_link("/run/systemd/system/multi-user.target.wants/mangrove-report.service").value(),
              "../mangrove-report.service");
    EXPECT_EQ(log.find("posted"), std::string::npos) << log;
}

TEST_F(PostReport, IsNotThereForADefinitionWithoutOne) {
    Root root{.path = {}, .undo = {}, .command = {"/sbin/init"}};
    ASSERT_TRUE(hand_over(boot, definition_with(""), root));
    ASSERT_TRUE(leave_root(boot, root));
    EXPECT_FALSE(system.file(kUnit));
    EXPECT_FALSE(system.file(kReportPostPath));
}

TEST_F(PostReport, WhatTheNodeDoesNotHaveKeepsItFromNothingElse) {
    const std::pair<std::string, std::string> rows[] = {
        {"http://192.0.2.1/{serial}", "{serial}: this node has no serial number"},
        {"http:///reports", "invalid URL: no host"},
    };
    for (const auto& [url, what] : rows) {
        log.clear();
        definition::Definition definition = definition_with(R"(,"report":{"url":")" + url + R"("})");
        EXPECT_FALSE(report_of_node(system, definition, network));
        EXPECT_THAT(log, HasSubstr("warning: report.url: " + what));
    }
    log.clear();
    definition::Definition definition = definition_with(R"(,"report":{"url":"http://192.0.2.1/{ip}"})");
    EXPECT_FALSE(report_of_node(system, definition, std::nullopt));
    EXPECT_THAT(log, HasSubstr("{ip}: this boot used no network, ignoring: the report will not be posted"));
}

TEST_F(PostReport, EveryStepOfItsPreparationThatFailsIsNamed) {
    ASSERT_TRUE(install());
    std::vector<std::string> lines = transcript.lines();
    ASSERT_GT(lines.size(), 5u);
    for (size_t step = 0; step < lines.size(); ++step) {
        Transcript failing;
        FakeSystem other(failing);
        other.add_file("/proc/cmdline", "quiet\n");
        other.add_file("/proc/self/exe", "program");
        other.add_file(kAuthorities, "certificates");
        failing.fail_at(step);
        Result<> installed = install_report_unit(other, {kUrl, seconds(30)});
        ASSERT_FALSE(installed) << lines[step];
        EXPECT_THAT(installed.error().what, HasSubstr(lines[step]));
    }
}

TEST_F(PostReport, IsPostedOnceWithinItsTime) {
    ASSERT_TRUE(install(seconds(10)));
    answer(204);
    Time begin = system.now();
    Result<> posted = post_report(system);
    ASSERT_TRUE(posted) << describe(posted.error());
    EXPECT_LE(system.now() - begin, seconds(10));
    ASSERT_EQ(downloads.requests.size(), 1u);
    EXPECT_EQ(downloads.requests[0].json, R"({"name":"debian"})");
    EXPECT_EQ(downloads.requests[0].authorities, kServerAuthorities);
    EXPECT_TRUE(system.file(kReportPosted));
    EXPECT_EQ(log, text("mangrove: posted the report of the boot to ", kUrl, "\n"));
}

TEST_F(PostReport, WaitsForAServerThatIsAwayAndSaysSoOnce) {
    ASSERT_TRUE(install());
    for (int tries = 0; tries < 5; ++tries)
        answer(503);
    answer(200);
    ASSERT_TRUE(post_report(system));
    EXPECT_EQ(downloads.requests.size(), 6u);
    EXPECT_EQ(log, text("mangrove: ", kUrl,
                        ": the server answered 503 (service unavailable); retrying for an hour\n"
                        "mangrove: posted the report of the boot to ",
                        kUrl, "\n"));
}

TEST_F(PostReport, GivesUpAfterAnHour) {
    ASSERT_TRUE(install());
    answer(503);
    Time begin = system.now();
    Result<> posted = post_report(system);
    ASSERT_FALSE(posted);
    EXPECT_TRUE(posted.error().is_transient());
    EXPECT_THAT(describe(posted.error()), HasSubstr("while posting the report of the boot"));
    EXPECT_GT(system.now() - begin, seconds(3600));
    EXPECT_LT(system.now() - begin, seconds(3600 + 300 + 30));
    EXPECT_LT(downloads.requests.size(), 60u);
    EXPECT_FALSE(system.file(kReportPosted));
}

TEST_F(PostReport, AServerThatRefusesIsNotAskedAgain) {
    ASSERT_TRUE(install());
    answer(404);
    Result<> posted = post_report(system);
    ASSERT_FALSE(posted);
    EXPECT_EQ(posted.error().what, text(kUrl, ": the server answered 404 (not found)"));
    EXPECT_EQ(downloads.requests.size(), 1u);
}

} // namespace
} // namespace mangrove
