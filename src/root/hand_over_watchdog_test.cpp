#include "root/hand_over_watchdog.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/log.h"
#include "system/fake/system.h"

namespace mangrove {
namespace {

using testing::HasSubstr;

struct HandOverWatchdog : testing::Test {
    HandOverWatchdog() {
        set_log_sink([this](LogLevel level, std::string_view line) { log += shown_line(level, line); });
        system.add_file("/proc/cmdline", "quiet\n");
        system.add_file("/root/usr/lib/systemd/systemd", "", 0755);
        system.add_link("/root/sbin/init", "/usr/lib/systemd/systemd");
    }
    ~HandOverWatchdog() override {
        set_log_sink([](LogLevel, std::string_view) {});
    }
    bool hand_over() { return hand_over_watchdog(system, root, seconds(120)); }

    Transcript transcript;
    FakeSystem system{transcript};
    Root root{.path = "/root", .undo = {}, .command = {"/sbin/init"}};
    std::string log;
};

TEST_F(HandOverWatchdog, HasSystemdPetIt) {
    system.add_file("/root/etc/systemd/system.conf", "[Manager]\n#RuntimeWatchdogSec=off\n");
    EXPECT_TRUE(hand_over());
    EXPECT_EQ(system.file(kWatchdogDropIn), "[Manager]\nRuntimeWatchdogSec=120\n");
    EXPECT_EQ(log, "");
}

TEST_F(HandOverWatchdog, AnotherInitDoesNotTakeIt) {
    system.add_file("/root/sbin/openrc-init", "", 0755);
    root.command = {"/sbin/openrc-init"};
    EXPECT_FALSE(hand_over());
    EXPECT_FALSE(system.file(kWatchdogDropIn));
    EXPECT_THAT(log, HasSubstr("the root's init is not systemd"));
}

TEST_F(HandOverWatchdog, TheImageMayHaveItsOwnTimeout) {
    system.add_file("/root/etc/systemd/system.conf", "[Manager]\nRuntimeWatchdogSec=0\n");
    system.add_file("/root/usr/lib/systemd/system.conf.d/50-site.conf",
                    "[Manager]\nRuntimeWatchdogSec=off\n");
    system.add_file("/root/etc/systemd/system.conf.d/50-site.conf", "[Manager]\n RuntimeWatchdogSec= 30s\n");
    EXPECT_TRUE(hand_over());
    EXPECT_FALSE(system.file(kWatchdogDropIn));
}

TEST_F(HandOverWatchdog, TheImageMayNotWantIt) {
    system.add_file("/root/etc/systemd/system.conf", "[Manager]\nRuntimeWatchdogSec=60\n");
    system.add_file("/root/etc/systemd/system.conf.d/50-site.conf", "[Manager]\nRuntimeWatchdogSec=off\n");
    EXPECT_FALSE(hand_over());
    EXPECT_THAT(log, HasSubstr("the image has RuntimeWatchdogSec=off; stopping the hardware watchdog"));
}

TEST_F(HandOverWatchdog, TheKernelCommandLineOfSystemdGoesFirst) {
    system.add_file("/root/etc/systemd/system.conf", "[Manager]\nRuntimeWatchdogSec=60\n");
    system.add_file("/proc/cmdline", "systemd.watchdog_sec=0\n");
    EXPECT_FALSE(hand_over());
}

TEST_F(HandOverWatchdog, WhatCannotBeWrittenStopsIt) {
    EXPECT_TRUE(hand_over());
    size_t steps = transcript.lines().size();
    size_t refused = 0;
    for (size_t step = 0; step < steps; ++step) {
        Transcript failing;
        FakeSystem other(failing);
        other.add_file("/proc/cmdline", "quiet\n");
        other.add_file("/root/sbin/init/systemd", "", 0755);
        root.command = {"/sbin/init/systemd"};
        failing.fail_at(step);
        if (!hand_over_watchdog(other, root, seconds(120))) ++refused;
    }
    EXPECT_GE(refused, 2U);
    EXPECT_THAT(log, HasSubstr("handing the hardware watchdog to systemd: "));
}

} // namespace
} // namespace mangrove
