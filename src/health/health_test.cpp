/// With real programs, which the test writes.

#include "health/health.h"

#include <filesystem>
#include <fstream>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "machine/run_files.h"
#include "root/server_unit.h"
#include "system/fake/system.h"

namespace mangrove {
namespace {

using testing::HasSubstr;
namespace fs = std::filesystem;

class HealthTest : public testing::Test {
  protected:
    HealthTest() {
        char name[] = "/tmp/mangrove-health-XXXXXX";
        EXPECT_NE(::mkdtemp(name), nullptr);
        directory_ = name;
    }
    ~HealthTest() override {
        std::error_code ignored;
        fs::remove_all(directory_, ignored);
    }
    void write(const std::string& name, const std::string& script, bool is_executable = true) const {
        std::ofstream(directory_ / name) << "#!/bin/sh\n" << script << "\n";
        fs::permissions(directory_ / name, is_executable ? fs::perms::owner_all : fs::perms::owner_read);
    }

    fs::path directory_;
};

TEST_F(HealthTest, ProgramsTellByTheirStatus) {
    write("20-nhc", "echo 'no /scratch' >&2; echo more; exit 3");
    write("10-good", "exit 0");
    write("30-killed", "kill -9 $$");
    write("README", "exit 9", false);
    std::vector<EndedProgram> ended = run_programs_in(directory_, std::chrono::seconds(20));
    ASSERT_EQ(ended.size(), 3u);
    EXPECT_EQ(ended[0].name, "10-good");
    EXPECT_EQ(ended[0].status, 0);
    EXPECT_EQ(ended[1].status, 3);
    EXPECT_EQ(ended[1].output, "no /scratch");
    EXPECT_EQ(ended[2].status, 128 + 9);
}

TEST_F(HealthTest, AProgramThatHangsIsKilledWithItsChildren) {
    write("hangs", "sleep 1000 & echo $! >" + (directory_ / "child").native() + "; sleep 1000");
    EndedProgram ended = run_program({directory_ / "hangs"}, std::chrono::seconds(1));
    EXPECT_EQ(ended.status, 124);
    EXPECT_EQ(ended.output, "not finished after 1 s");
    pid_t child = 0;
    std::ifstream(directory_ / "child") >> child;
    ASSERT_GT(child, 0);
    // It may be a zombie for a moment.
    for (int i = 0; i < 1000 && ::kill(child, 0) == 0; ++i)
        ::usleep(10'000);
    EXPECT_NE(::kill(child, 0), 0);
}

TEST_F(HealthTest, AProgramThatLeavesAChildBehindHasEnded) {
    write("daemon", "sleep 3 & echo started");
    EXPECT_EQ(run_program({directory_ / "daemon"}, std::chrono::seconds(60)).output, "started\n");
}

TEST_F(HealthTest, AProgramThatCannotStartIsAProblem) {
    EndedProgram ended = run_program({directory_ / "missing"}, std::chrono::seconds(1));
    EXPECT_EQ(ended.status, 127);
    EXPECT_THAT(ended.output, HasSubstr("No such file"));
}

TEST_F(HealthTest, HoldsWhatTheHeadNodeReads) {
    Health health{.boot_id = "b1",
                  .system = "degraded",
                  .failed_units = {"a.service"},
                  .problems = {"the reads fail"},
                  .programs = {{"nhc", 1, "no \"disk\""}}};
    EXPECT_EQ(
        health_json(health),
        R"({"boot_id":"b1","system":"degraded","failed_units":["a.service"],"problems":["the reads fail"],)"
        R"("programs":[{"name":"nhc","status":1,"output":"no \"disk\""}]})"
        "\n");
}

TEST_F(HealthTest, IsPostedWhereTheBootRecordedAServer) {
    Transcript transcript;
    FakeSystem system(transcript);
    EXPECT_FALSE(read_server(system, kHealthUnit));
    system.add_file(kHealthSettings, R"({"url":"https://192.0.2.1/n/health","interval":15})");
    Result<definition::NodeServer> server = read_server(system, kHealthUnit);
    ASSERT_TRUE(server);
    EXPECT_EQ(server->url, "https://192.0.2.1/n/health");
    EXPECT_EQ(server->interval, seconds(15));
}

TEST_F(HealthTest, AMachineWithoutAReportHasAProblem) {
    Transcript transcript;
    FakeSystem system(transcript);
    system.add_file("/proc/sys/kernel/random/boot_id", "b1\n");
    write("check", "exit 0");
    Result<Health> health = look_at_health(
        system, [](const std::string&) { return std::optional<Space>(); }, directory_);
    ASSERT_TRUE(health);
    EXPECT_EQ(health->boot_id, "b1");
    ASSERT_EQ(health->problems.size(), 1u);
    EXPECT_THAT(health->problems[0], HasSubstr("not booted by Mangrove"));
    ASSERT_EQ(health->programs.size(), 1u);
}

} // namespace
} // namespace mangrove
