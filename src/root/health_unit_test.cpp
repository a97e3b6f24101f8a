#include "root/health_unit.h"

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

constexpr const char* kUrl = "https://192.0.2.1/n/node7/health";
constexpr const char* kUnit = "/run/systemd/system/mangrove-health.service";

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

struct HealthUnit : testing::Test {
    HealthUnit() {
        set_scene(system);
        ConfiguredLink& link = boot.network.emplace().links.emplace_back();
        link.link.mac = *MacAddress::parse("52:54:00:12:34:56");
        set_log_sink([this](LogLevel level, std::string_view line) { log += shown_line(level, line); });
    }
    ~HealthUnit() override {
        set_log_sink([](LogLevel, std::string_view) {});
    }

    Transcript transcript;
    FakeSystem system{transcript};
    Boot boot{system};
    std::string log;
};

TEST_F(HealthUnit, PostsToTheUrlOfThisNode) {
    definition::Definition definition = definition_with(
        R"(,"hostname":"node7","health":{"url":"https://192.0.2.1/n/{hostname}/health","interval":90})");
    Root root{.path = {}, .undo = {}, .command = {"/sbin/init"}};
    ASSERT_TRUE(hand_over(boot, definition, root));
    ASSERT_TRUE(root.health);
    EXPECT_EQ(root.health->url, kUrl);
    ASSERT_TRUE(leave_root(boot, root));
    EXPECT_EQ(system.file(kHealthSettings), text(R"({"url":")", kUrl, R"(","interval":90})", "\n"));
    EXPECT_EQ(system.mode(kHealthSettings), 0600u);
    EXPECT_EQ(system.file(kServerAuthorities), "certificates");
    EXPECT_THAT(system.file(kUnit).value_or(""),
                HasSubstr("ExecStart=/run/mangrove/mangrove post-health --keep\n"));
    EXPECT_EQ(system.read_link("/run/systemd/system/multi-user.target.wants/mangrove-health.service").value(),
              "../mangrove-health.service");
}

TEST_F(HealthUnit, IsNotThereForADefinitionWithoutIt) {
    Root root{.path = {}, .undo = {}, .command = {"/sbin/init"}};
    ASSERT_TRUE(hand_over(boot, definition_with(""), root));
    ASSERT_TRUE(leave_root(boot, root));
    EXPECT_FALSE(system.file(kUnit));
    EXPECT_FALSE(system.file(kHealthSettings));
}

TEST_F(HealthUnit, WhatTheNodeDoesNotHaveKeepsItFromNothingElse) {
    definition::Definition definition = definition_with(
        R"(,"health":{"url":"http://192.0.2.1/{serial}"},"report":{"url":"http://192.0.2.1/"})");
    Root root{.path = {}, .undo = {}, .command = {"/sbin/init"}};
    ASSERT_TRUE(hand_over(boot, definition, root));
    EXPECT_FALSE(root.health);
    EXPECT_TRUE(root.report);
    EXPECT_THAT(log, HasSubstr("warning: health.url: {serial}: this node has no serial number, ignoring: the "
                               "node does not post its health"));
}

TEST_F(HealthUnit, EveryStepOfItsPreparationThatFailsIsNamed) {
    ASSERT_TRUE(install_health_unit(system, {kUrl, seconds(60)}));
    std::vector<std::string> lines = transcript.lines();
    ASSERT_GT(lines.size(), 5u);
    for (size_t step = 0; step < lines.size(); ++step) {
        Transcript failing;
        FakeSystem other(failing);
        set_scene(other);
        failing.fail_at(step);
        Result<> installed = install_health_unit(other, {kUrl, seconds(60)});
        ASSERT_FALSE(installed) << lines[step];
        EXPECT_THAT(installed.error().what, HasSubstr(lines[step]));
    }
}

} // namespace
} // namespace mangrove
