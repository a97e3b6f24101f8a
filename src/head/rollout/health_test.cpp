#include "head/rollout/health.h"

#include <gtest/gtest.h>

namespace mangrove::head {
namespace {

/// "healthy", why not, or the error.
std::string health(const std::string& posted, const Policy& policy = {}) {
    Result<NodeEvent> event = health_event(posted, policy);
    if (!event) return "error: " + event.error().what;
    EXPECT_EQ(event->boot_id, "b1");
    EXPECT_EQ(event->is_healthy, event->why.empty());
    return event->is_healthy ? "healthy" : event->why;
}

TEST(Health, needs_a_running_system) {
    EXPECT_EQ(health(R"({"boot_id":"b1","system":"running"})"), "healthy");
    EXPECT_EQ(health(R"({"boot_id":"b1","system":"starting"})"), "systemd is starting");
    EXPECT_EQ(health(R"({"boot_id":"b1","system":""})"), "systemd is not running");
    EXPECT_EQ(health(R"({"boot_id":"b1","system":"degraded"})"), "systemd is degraded");
}

TEST(Health, allows_the_units_of_the_policy_to_fail) {
    Policy policy{.allowed_units = {"a.service", "b.mount"}};
    EXPECT_EQ(
        health(R"({"boot_id":"b1","system":"degraded","failed_units":["b.mount","a.service"]})", policy),
        "healthy");
    EXPECT_EQ(
        health(R"({"boot_id":"b1","system":"degraded","failed_units":["b.mount","c.service"]})", policy),
        "unit c.service failed");
    EXPECT_EQ(health(R"({"boot_id":"b1","system":"maintenance","failed_units":["a.service"]})", policy),
              "systemd is maintenance");
}

TEST(Health, needs_programs_and_mangrove_without_problems) {
    EXPECT_EQ(
        health(R"({"boot_id":"b1","system":"running","problems":[],"programs":[{"name":"nhc","status":0}]})"),
        "healthy");
    EXPECT_EQ(health(R"({"boot_id":"b1","system":"running","problems":["sda: reads fail","x"]})"),
              "sda: reads fail");
    EXPECT_EQ(health(R"({"boot_id":"b1","system":"running","programs":[{"name":"10-gpu","status":0},)"
                     R"({"name":"nhc","status":1,"output":"no InfiniBand"},{"name":"z","status":2}]})"),
              "nhc exited with 1: no InfiniBand");
    EXPECT_EQ(health(R"({"boot_id":"b1","system":"running","programs":[{"name":"nhc","status":-9}]})"),
              "nhc exited with -9");
}

TEST(Health, that_is_damaged_is_an_error) {
    EXPECT_EQ(health("x"), "error: health: not JSON");
    EXPECT_EQ(health(R"({"system":"running"})"), "error: health: boot_id: missing");
    EXPECT_EQ(health(R"({"boot_id":"","system":"running"})"), "error: health: boot_id: empty");
    EXPECT_EQ(health(R"({"boot_id":"b1"})"), "error: health: system: missing");
    EXPECT_EQ(health(R"({"boot_id":"b1","system":"running","problems":"none"})"),
              "error: health: problems: expected a list");
    EXPECT_EQ(health(R"({"boot_id":"b1","system":"running","programs":[{"name":"nhc"}]})"),
              "error: health: programs: status: missing");
    EXPECT_EQ(health(R"({"boot_id":"b1","system":"running","programs":[1]})"),
              "error: health: programs: expected an object");
    EXPECT_EQ(health(std::string(kMostBytesOfHealth + 1, ' ')), "error: health: larger than 65536 bytes");
}

TEST(Health, may_have_members_of_later_versions) {
    EXPECT_EQ(
        health(R"({"boot_id":"b1","system":"running","load":1,"programs":[{"name":"a","status":0,"s":1}]})"),
        "healthy");
}

} // namespace
} // namespace mangrove::head
