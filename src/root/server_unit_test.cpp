#include "root/server_unit.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/log.h"
#include "definition/parse.h"
#include "machine/run_files.h"
#include "net/fetch.h"
#include "root/root.h"
#include "system/fake/network.h"
#include "system/fake/system.h"

namespace mangrove {
namespace {

using testing::HasSubstr;

struct Case {
    const ServerUnit& unit;
    std::optional<definition::NodeServer> Root::*server;
    const char* start;
    const char* warning;
};
const Case kCases[] = {
    {kFilesUnit, &Root::files, "ExecStart=/run/mangrove/mangrove files\n",
     "warning: files.url: {serial}: this node has no serial number, ignoring: the node gets no live files"},
    {kHealthUnit, &Root::health, "ExecStart=/run/mangrove/mangrove post-health --keep\n",
     "warning: health.url: {serial}: this node has no serial number, ignoring: the node does not post its "
     "health"},
};

constexpr const char* kUrl = "https://192.0.2.1/n/node7/live";

definition::Definition definition_with(const std::string& members) {
    return definition::parse_definition(R"({"name":"x","mount":{"kind":"bind","bind":{"path":"/"}})" + members
                                        + "}")
        .value();
}

void set_scene(FakeSystem& system) {
    system.add_file("/proc/cmdline", "quiet\n");
    system.add_file("/proc/self/exe", "program");
    system.add_file(kAuthorities, "certificates");
}

struct UnitOfServer : testing::TestWithParam<Case> {
    UnitOfServer() {
        set_scene(system);
        ConfiguredLink& link = boot.network.emplace().links.emplace_back();
        link.link.mac = *MacAddress::parse("52:54:00:12:34:56");
        set_log_sink([this](LogLevel level, std::string_view line) { log += shown_line(level, line); });
    }
    ~UnitOfServer() override {
        set_log_sink([](LogLevel, std::string_view) {});
    }

    Transcript transcript;
    FakeSystem system{transcript};
    Boot boot{system};
    std::string log;
    const ServerUnit& unit = GetParam().unit;
    const std::string path = text("/run/systemd/system/", unit.name);
};
INSTANTIATE_TEST_SUITE_P(units, UnitOfServer, testing::ValuesIn(kCases),
                         [](const auto& one) { return std::string(one.param.unit.key); });

TEST_P(UnitOfServer, AsksTheUrlOfThisNode) {
    definition::Definition definition =
        definition_with(text(R"(,"hostname":"node7",")", unit.key,
                             R"(":{"url":"https://192.0.2.1/n/{hostname}/live","interval":90})"));
    Root root{.path = {}, .undo = {}, .command = {"/sbin/init"}};
    ASSERT_TRUE(hand_over(boot, definition, root));
    ASSERT_TRUE(root.*GetParam().server);
    EXPECT_EQ((root.*GetParam().server)->url, kUrl);
    ASSERT_TRUE(leave_root(boot, root));
    EXPECT_EQ(system.file(unit.settings), text(R"({"url":")", kUrl, R"(","interval":90})", "\n"));
    EXPECT_EQ(system.mode(unit.settings), 0600u);
    EXPECT_EQ(system.file(kServerAuthorities), "certificates");
    EXPECT_THAT(system.file(path).value_or(""), HasSubstr(GetParam().start));
    EXPECT_EQ(system.read_link(text("/run/systemd/system/multi-user.target.wants/", unit.name)).value(),
              text("../", unit.name));
}

TEST_P(UnitOfServer, IsNotThereForADefinitionWithoutIt) {
    Root root{.path = {}, .undo = {}, .command = {"/sbin/init"}};
    ASSERT_TRUE(hand_over(boot, definition_with(""), root));
    ASSERT_TRUE(leave_root(boot, root));
    EXPECT_FALSE(system.file(path));
    EXPECT_FALSE(system.file(unit.settings));
}

TEST_P(UnitOfServer, WhatTheNodeDoesNotHaveKeepsItFromNothingElse) {
    definition::Definition definition = definition_with(text(
        R"(,")", unit.key, R"(":{"url":"http://192.0.2.1/{serial}"},"report":{"url":"http://192.0.2.1/"})"));
    Root root{.path = {}, .undo = {}, .command = {"/sbin/init"}};
    ASSERT_TRUE(hand_over(boot, definition, root));
    EXPECT_FALSE(root.*GetParam().server);
    EXPECT_TRUE(root.report);
    EXPECT_THAT(log, HasSubstr(GetParam().warning));
}

TEST_P(UnitOfServer, EveryStepOfItsPreparationThatFailsIsNamed) {
    ASSERT_TRUE(install_server_unit(system, unit, {kUrl, seconds(60)}));
    std::vector<std::string> lines = transcript.lines();
    ASSERT_GT(lines.size(), 5u);
    for (size_t step = 0; step < lines.size(); ++step) {
        Transcript failing;
        FakeSystem other(failing);
        set_scene(other);
        failing.fail_at(step);
        Result<> installed = install_server_unit(other, unit, {kUrl, seconds(60)});
        ASSERT_FALSE(installed) << lines[step];
        EXPECT_THAT(installed.error().what, HasSubstr(lines[step]));
    }
}

} // namespace
} // namespace mangrove
